//! The experiment on soups (FissionFusion): grid search, Fast Geometric Generation, soups of their
//! models, and the error landscape between models.

mod card;
mod check;
mod coefficients;
mod columns;
mod config;
mod decision;
mod landscape_check;
mod landscape_config;
mod landscape_plan;
mod landscape_results;
mod methods;
mod outcome;
mod plan;
mod pool_config;
mod pools;
mod report;
mod table;
mod timm;

use std::path::PathBuf;

use ff_report::report::ExperimentTable;

pub use columns::{LandscapeJobs, MethodJobs, OodScore, PathJob, SoupsColumn, SoupsTable};
pub use config::{
    FggConfig, FinetuneConfig, ForecastConfig, GridConfig, ProbeConfig, SoupConfig, SoupsConfig,
};
pub use landscape_config::{ConnectivityConfig, Curves, GreedyBarriersConfig, LandscapeConfig, PlaneConfig};
pub use methods::{MethodConfig, MethodSet};
pub use pool_config::PoolConfig;

use crate::catalog::Catalog;
use crate::config::{Common, RunConfig, override_values, read_toml, sources};
use crate::error::Error;
use crate::job::DataSource;
use crate::plan::{ColumnHead, Experiment, Graph, Records, Recovered, Table, TableReport, Texts};
use crate::results::place;

/// Reads a configuration from text, with overrides. `name` is the default name of the table.
pub(super) fn parse(text: &str, set: &[String], name: &str) -> Result<Box<dyn Experiment>, Error> {
    let mut config = read_toml(text, &SoupsConfig::default()).map_err(Error::Config)?;
    // A set of rows comes before the other overrides, since a key may name one of its rows.
    let names_a_set = |text: &&String| text.split_once('=').is_some_and(|(key, _)| key.trim() == "methods");
    let (sets, others): (Vec<_>, Vec<_>) = set.iter().partition(names_a_set);
    let cloned = |texts: Vec<&String>| texts.into_iter().cloned().collect::<Vec<_>>();
    config = override_values(config, &cloned(sets)).map_err(Error::Config)?;
    config.expand_methods();
    config = override_values(config, &cloned(others)).map_err(Error::Config)?;
    config.expand_methods();
    config.resolve(name)?;
    config.check()?;
    Ok(Box::new(config))
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
        let Self { config, columns } = self;
        for column in columns {
            let ColumnHead { backbone, dataset, blocked, .. } = &mut column.head;
            let all = column.methods.iter_mut().chain(&mut column.singles);
            for (method, jobs) in config.methods_and_singles().iter().zip(all) {
                jobs.soup = found.name(&jobs.soup);
                jobs.forecast = jobs.forecast.take().map(|id| found.name(&id));
                jobs.pool.iter_mut().for_each(|id| *id = found.name(id));
                let label = format!("{} {}: {}", dataset.name, backbone.name, method.name);
                let known = jobs.test.take().map(|id| found.name(&id));
                let inputs = columns::predictors(&method.select, &jobs.soup, &jobs.pool);
                let score = |found: &mut Recovered<'_>, label: &str, data: DataSource| {
                    found.score(label, &inputs, dataset, &config.evaluation, data)
                };
                jobs.test = match blocked {
                    Some(_) => score(found, &label, dataset.data()).or(known),
                    None => known,
                };
                for (other, job) in dataset.ood.iter().zip(&mut jobs.ood) {
                    let label = format!("{label} on {}", other.name);
                    let id = score(found, &label, dataset.data_of(other));
                    if let (Some(score), true) = (id, blocked.is_some() || job.is_err()) {
                        *job = Ok(OodScore { score, note: String::new() });
                    }
                }
            }
            let done = column.methods.iter().any(|jobs| found.record(&jobs.soup).is_some());
            blocked.take_if(|_| done);
        }
    }

    fn texts(&self, records: Records<'_>) -> Result<Texts, Error> {
        Ok(Texts::from(&self.table(records)?))
    }

    fn write_details(&self, records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for column in &self.columns {
            let folder = place(records, self.columns.len(), &column.head);
            files.extend(self.deliver(records, column, &folder)?);
        }
        files.extend(self.draw_landscapes(records)?);
        files.extend(self.predicted(records)?.write()?);
        Ok(files)
    }

    fn report(&self, records: Records<'_>, catalog: &Catalog) -> Result<TableReport, Error> {
        let columns = self.columns.iter().map(|column| report::column(self, column, records, catalog));
        Ok((ExperimentTable::Soups(self.table(records)?), columns.collect::<Result<_, _>>()?))
    }
}
