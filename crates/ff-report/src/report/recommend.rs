//! The advice on each data set with a network of an experiment.

use itertools::Itertools;

use crate::report::advice::Advice;
use crate::report::data::{ExperimentReport, ExperimentTable};
use crate::report::{of_seeds, of_soups};

/// A data set with the advice on each of its networks.
pub(super) struct DataSet<'a> {
    pub name: &'a str,
    pub networks: Vec<Advice<'a>>,
}

/// The data sets of an experiment, in the order of its table.
pub(super) fn data_sets(experiment: &ExperimentReport) -> Vec<DataSet<'_>> {
    let names = experiment.columns.iter().map(|column| column.dataset.as_str()).unique();
    let of = |name| {
        let columns = experiment.columns.iter().filter(|column| column.dataset == name);
        let networks = columns.map(|column| match &experiment.table {
            ExperimentTable::Soups(table) => of_soups::advice(column, table),
            ExperimentTable::Seeds(table) => of_seeds::advice(column, table),
        });
        DataSet { name, networks: networks.collect() }
    };
    names.map(of).collect()
}

impl<'a> DataSet<'a> {
    /// The networks, the one with the best model on validation images first.
    ///
    /// Cross-fitted scores count if all networks have one. Networks without a model to take are last.
    pub fn ranked(&self) -> Vec<&Advice<'a>> {
        let fitted = self.networks.iter().all(|of| of.worth.is_none_or(|worth| worth.cross_fitted.is_some()));
        let score = |of: &Advice<'_>| {
            let worth = of.worth.as_ref();
            let worth = worth.and_then(|of| if fitted { of.cross_fitted } else { of.validation });
            worth.unwrap_or(f64::NEG_INFINITY)
        };
        self.networks.iter().sorted_by(|a, b| score(b).total_cmp(&score(a))).collect()
    }
}
