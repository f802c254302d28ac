//! Soups (FissionFusion): grid search and Fast Geometric Generation, what soups make of their models, and errors between them.

mod card;
mod check;
mod columns;
mod config;
mod landscape_check;
mod landscape_config;
mod landscape_plan;
mod landscape_results;
mod plan;
mod recover;
mod report;
mod table;
mod timm;

use std::path::PathBuf;

use ff_report::report::{ColumnReport, ExperimentTable};

pub use columns::{LandscapeJobs, MethodJobs, OodScore, PathJob, SoupsColumn};
pub use config::{FggConfig, FinetuneConfig, GridConfig, MethodConfig, ProbeConfig, SoupsConfig};
pub use landscape_config::{ConnectivityConfig, Curves, GreedyBarriersConfig, LandscapeConfig, PlaneConfig};

use crate::catalog::Catalog;
use crate::config::{Common, RunConfig, parse_with_overrides, sources};
use crate::error::Error;
use crate::job::DataSource;
use crate::plan::{Experiment, Graph, Plan, Recovered, Table, Texts};
use crate::results::place;
use crate::store::RunStore;

/// Reads a configuration from text, with overrides.
pub(super) fn parse(text: &str, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let config: SoupsConfig = parse_with_overrides(text, set).map_err(Error::Config)?;
    config.check()?;
    Ok(Box::new(config))
}

/// A planned table of soups.
pub struct SoupsTable {
    /// What it was planned from.
    pub config: SoupsConfig,
    /// One for each backbone on each dataset.
    pub columns: Vec<SoupsColumn>,
}

impl Experiment for SoupsConfig {
    fn common(&self) -> Common<'_> {
        Common {
            name: &self.name,
            model: &self.model,
            pretrain: self.pretrain.as_ref(),
            evaluation: &self.evaluation,
            run: &self.run,
        }
    }

    fn run_mut(&mut self) -> &mut RunConfig {
        &mut self.run
    }

    fn sources(&self) -> Vec<(String, DataSource)> {
        sources(self.pretrain.as_ref(), &self.dataset)
    }

    fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|error| Error::Config(error.to_string()))
    }

    fn lay_out(self: Box<Self>, graph: &mut Graph<'_>) -> Box<dyn Table> {
        let columns = plan::columns(&self, graph);
        Box::new(SoupsTable { config: *self, columns })
    }
}

impl Table for SoupsTable {
    fn experiment(&self) -> &dyn Experiment {
        &self.config
    }

    fn blocked(&self) -> Vec<Option<&str>> {
        self.columns.iter().map(|column| column.head.blocked.as_deref()).collect()
    }

    fn missing(&self) -> Vec<String> {
        let of_column = self.columns.iter().flat_map(|column| {
            let of_ood = column.methods.iter().flat_map(|method| &method.ood);
            column.head.blocked.iter().chain(of_ood.filter_map(|ood| ood.as_ref().err()))
        });
        of_column.cloned().collect()
    }

    fn recover(&mut self, found: &mut Recovered<'_>) {
        recover::recover(&self.config, &mut self.columns, found);
    }

    fn texts(&self, plan: &Plan, runs: &RunStore) -> Result<Texts, Error> {
        Ok(Texts::from(&table::table(plan, &self.config, &self.columns, runs)?))
    }

    fn write_details(&self, plan: &Plan, runs: &RunStore) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for column in &self.columns {
            let folder = place(plan.folder(runs), self.columns.len(), &column.head);
            files.extend(table::deliver((plan, &self.config), runs, column, &folder)?);
        }
        files.extend(landscape_results::deliver(plan, &self.config, &self.columns, runs)?);
        Ok(files)
    }

    fn report(
        &self,
        plan: &Plan,
        catalog: &Catalog,
        runs: &RunStore,
    ) -> Result<(ExperimentTable, Vec<ColumnReport>), Error> {
        let table = table::table(plan, &self.config, &self.columns, runs)?;
        let columns = self.columns.iter().map(|of| report::column(plan, catalog, &self.config, of, runs));
        Ok((ExperimentTable::Soups(table), columns.collect::<Result<_, _>>()?))
    }
}
