//! In-model merging (InMerge): methods, sweeps and seeds that all go on from one network, with merging and without.

mod check;
mod columns;
mod config;
mod figures;
mod layers;
mod plan;
mod recover;
mod report;
mod table;

use std::path::PathBuf;

use ff_report::report::{ColumnReport, ExperimentTable};

pub use columns::{InmergeColumn, SeedJobs};
pub use config::{InmergeConfig, InmergeMethod, InmergeOverride, StageConfig, Sweep};

use crate::catalog::Catalog;
use crate::config::{Common, RunConfig, parse_with_overrides, sources};
use crate::error::Error;
use crate::job::DataSource;
use crate::plan::{Experiment, Graph, Plan, Recovered, Table, Texts};
use crate::store::RunStore;

/// Reads a configuration from text, with overrides.
pub(super) fn parse(text: &str, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let config: InmergeConfig = parse_with_overrides(text, set).map_err(Error::Config)?;
    config.check()?;
    Ok(Box::new(config))
}

/// A planned table of in-model merging.
pub struct InmergeTable {
    /// What it was planned from.
    pub config: InmergeConfig,
    /// One for each backbone on each dataset.
    pub columns: Vec<InmergeColumn>,
}

impl Experiment for InmergeConfig {
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
        Box::new(InmergeTable { config: *self, columns })
    }
}

impl Table for InmergeTable {
    fn experiment(&self) -> &dyn Experiment {
        &self.config
    }

    fn blocked(&self) -> Vec<Option<&str>> {
        self.columns.iter().map(|column| column.head.blocked.as_deref()).collect()
    }

    fn recover(&mut self, found: &mut Recovered<'_>) {
        recover::recover(&self.config, &mut self.columns, found);
    }

    fn texts(&self, plan: &Plan, runs: &RunStore) -> Result<Texts, Error> {
        let table = table::table(plan, &self.config, &self.columns, runs)?;
        Ok(Texts {
            markdown: table.to_markdown(),
            csv: table.to_csv(),
            latex: table.to_latex(),
            json: table.to_json(),
        })
    }

    fn write_details(&self, plan: &Plan, runs: &RunStore) -> Result<Vec<PathBuf>, Error> {
        let table = table::table(plan, &self.config, &self.columns, runs)?;
        table::details(plan, &self.config, &self.columns, runs, &table)
    }

    fn report(
        &self,
        plan: &Plan,
        _catalog: &Catalog,
        runs: &RunStore,
    ) -> Result<(ExperimentTable, Vec<ColumnReport>), Error> {
        let table = table::table(plan, &self.config, &self.columns, runs)?;
        let columns = self.columns.iter().enumerate();
        let columns = columns.map(|column| report::column(plan, &self.config, column, &table, runs));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok((ExperimentTable::Seeds(table), columns))
    }
}
