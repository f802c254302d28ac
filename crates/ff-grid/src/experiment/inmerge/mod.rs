//! The experiment on in-model merging (InMerge): methods, sweeps and seeds that continue from the
//! same network, with merging and without.

mod check;
mod columns;
mod config;
mod figures;
mod layers;
mod plan;
mod report;
mod table;

use std::path::PathBuf;

use ff_report::report::ExperimentTable;

pub use columns::{InmergeColumn, InmergeTable, SeedJobs};
pub use config::{InmergeConfig, InmergeMethod, InmergeOverride, StageConfig, Sweep};

use crate::catalog::Catalog;
use crate::config::{Common, RunConfig, override_values, read_toml, sources};
use crate::error::Error;
use crate::job::{DataSource, Record};
use crate::plan::{ColumnHead, Experiment, Graph, Records, Recovered, Table, TableReport, Texts};

/// Reads a configuration from text, with overrides. `name` is the default name of the table.
pub(super) fn parse(text: &str, set: &[String], name: &str) -> Result<Box<dyn Experiment>, Error> {
    let config = read_toml(text, &InmergeConfig::default()).map_err(Error::Config)?;
    let mut config = override_values(config, set).map_err(Error::Config)?;
    config.resolve(name)?;
    config.check()?;
    Ok(Box::new(config))
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
        let Self { config, columns } = self;
        for column in columns {
            let ColumnHead { dataset, blocked, .. } = &mut column.head;
            for jobs in column.methods.iter_mut().flatten() {
                jobs.trained = found.name(&jobs.trained);
                jobs.test = jobs.test.take().map(|id| found.name(&id));
                if blocked.is_some()
                    && let Some(Record { label, .. }) = found.record(&jobs.trained)
                {
                    let trained = std::slice::from_ref(&jobs.trained);
                    let test = found.score(label, trained, dataset, &config.evaluation, dataset.data());
                    jobs.test = test.or(jobs.test.take());
                }
            }
            let done = column.methods.iter().flatten().any(|jobs| found.record(&jobs.trained).is_some());
            blocked.take_if(|_| done);
        }
    }

    fn texts(&self, records: Records<'_>) -> Result<Texts, Error> {
        let table = self.table(records)?;
        Ok(Texts {
            markdown: table.to_markdown(),
            csv: table.to_csv(),
            latex: table.to_latex(),
            json: table.to_json(),
        })
    }

    fn write_details(&self, records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        self.details(records)
    }

    fn report(&self, records: Records<'_>, catalog: &Catalog) -> Result<TableReport, Error> {
        let table = self.table(records)?;
        let columns = (0..self.columns.len()).map(|at| report::column(self, at, &table, records, catalog));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok((ExperimentTable::Seeds(table), columns))
    }
}
