//! From a configuration to a graph of jobs.

use std::path::PathBuf;

use itertools::Itertools;

use super::columns::{Column, HubResolver, MethodJobs, SeedJobs};
use super::graph::Graph;
use super::{inmerge, soups};
use crate::catalog::Catalog;
use crate::config::{Config, Experiment, InmergeConfig, ModelConfig, RunConfig};
use crate::job::{Job, Jobs};
use crate::store::RunStore;

/// A table as a graph: its jobs, and the columns they make.
pub struct Plan {
    /// Every job once.
    pub jobs: Jobs,
    /// What they make.
    pub table: PlannedTable,
    /// What was not there before [`Plan::recover`] did without it.
    pub(super) missed: Vec<String>,
}

/// A configuration and one column for each of its backbones on each of its datasets.
#[expect(clippy::large_enum_variant, reason = "a process has one or two of them")]
pub enum PlannedTable {
    /// Grid search, FGG and soups.
    Soups(Config, Vec<Column<MethodJobs>>),
    /// In-model merging; a column has the jobs of every row ([`InmergeConfig::rows`]).
    Merging(InmergeConfig, Vec<Column<Vec<SeedJobs>>>),
}

impl Plan {
    /// Lays out every job. Data and weights that are not there block what needs them, and nothing else.
    pub fn new(experiment: Experiment, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let places = (catalog, hub);
        let (jobs, table) = match experiment {
            Experiment::Soups(config) => {
                let mut graph = Graph::new(
                    places,
                    &config.model,
                    config.pretrain.as_ref(),
                    (&config.evaluation, &config.run),
                );
                let columns = soups::columns(&config, &mut graph);
                (graph.finish(), PlannedTable::Soups(config, columns))
            }
            Experiment::Merging(config) => {
                let mut graph = Graph::new(
                    places,
                    &config.model,
                    config.pretrain.as_ref(),
                    (&config.evaluation, &config.run),
                );
                let columns = inmerge::columns(&config, &mut graph);
                (graph.finish(), PlannedTable::Merging(config, columns))
            }
        };
        Self { jobs: Jobs::new(jobs), table, missed: Vec::new() }
    }

    /// The job of that identity.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.find(id)
    }

    /// How to run it.
    pub fn run(&self) -> &RunConfig {
        match &self.table {
            PlannedTable::Soups(config, _) => &config.run,
            PlannedTable::Merging(config, _) => &config.run,
        }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        match &self.table {
            PlannedTable::Soups(config, _) => &config.name,
            PlannedTable::Merging(config, _) => &config.name,
        }
    }

    /// The table's folder.
    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        match &self.table {
            PlannedTable::Soups(config, _) => config.folder(runs.root()),
            PlannedTable::Merging(config, _) => config.folder(runs.root()),
        }
    }

    /// What all models of the table have in common.
    pub fn model(&self) -> &ModelConfig {
        match &self.table {
            PlannedTable::Soups(config, _) => &config.model,
            PlannedTable::Merging(config, _) => &config.model,
        }
    }

    /// Whether some column has both its data and its weights.
    pub fn can_run(&self) -> bool {
        match &self.table {
            PlannedTable::Soups(_, columns) => columns.iter().any(|column| column.blocked.is_none()),
            PlannedTable::Merging(_, columns) => columns.iter().any(|column| column.blocked.is_none()),
        }
    }

    /// What a reader of the results must know of the data, each remark once.
    pub fn remarks(&self) -> Vec<String> {
        self.jobs.iter().flat_map(|job| &job.remarks).unique().cloned().collect()
    }

    /// What is not there, each reason once.
    pub fn missing(&self) -> Vec<String> {
        let reasons: Vec<&String> = match &self.table {
            PlannedTable::Soups(_, columns) => {
                let of_column = columns.iter().flat_map(|column| {
                    let of_ood = column.methods.iter().flat_map(|method| &method.ood);
                    column.blocked.iter().chain(of_ood.filter_map(|ood| ood.as_ref().err()))
                });
                of_column.collect()
            }
            PlannedTable::Merging(_, columns) => {
                columns.iter().filter_map(|column| column.blocked.as_ref()).collect()
            }
        };
        self.missed.iter().chain(reasons).unique().cloned().collect()
    }
}
