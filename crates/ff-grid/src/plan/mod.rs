//! From a configuration to a graph of jobs.

mod graph;
mod landscape;
mod merging;
mod recover;
mod soups;

use std::path::PathBuf;

use ff_data::Task;
use itertools::Itertools;

use crate::config::{ModelConfig, RunConfig};
use crate::{Catalog, Config, Job, Jobs, MergingConfig, Runs, Study};

use graph::Graph;

pub use landscape::{LandscapeJobs, PathJob};

/// A table as a graph: its jobs, and the columns they make.
pub struct Plan {
    /// Every job once.
    pub jobs: Jobs,
    /// What they make.
    pub table: PlannedTable,
    /// What was not there before [`Plan::recover`] did without it.
    missed: Vec<String>,
}

/// A configuration and one column for each of its backbones on each of its datasets.
#[expect(clippy::large_enum_variant, reason = "a process has one or two of them")]
pub enum PlannedTable {
    /// Grid search, FGG and soups.
    Soups(Config, Vec<Column<MethodJobs>>),
    /// In-model merging; a column has the jobs of every row ([`MergingConfig::rows`]).
    Merging(MergingConfig, Vec<Column<Vec<SeedJobs>>>),
}

/// A backbone on a dataset, with the jobs `M` of each row.
pub struct Column<M> {
    /// Position in the configuration's list.
    pub backbone: usize,
    /// Position in the configuration's list.
    pub dataset: usize,
    /// What is to be told of an image; `None` if the data is not there.
    pub task: Option<Task>,
    /// Why the column is left out, if it is.
    pub blocked: Option<String>,
    /// One for each row of the table.
    pub methods: Vec<M>,
    /// What looks at errors between its models.
    pub landscape: LandscapeJobs,
    /// Single models of the grid, the best first, that are scored like a row and are none (`grid.top_models`).
    pub singles: Vec<M>,
}

/// The jobs of a method of souping in a column, by identity.
pub struct MethodJobs {
    /// The runs whose models it may use.
    pub pool: Vec<String>,
    /// The choice.
    pub soup: String,
    /// The score on the test split; `None` where the dataset has none.
    pub test: Option<String>,
    /// The scores on other datasets, or why there is none.
    pub ood: Vec<Result<OodScore, String>>,
}

/// A score on a dataset from elsewhere.
pub struct OodScore {
    /// The job, by identity.
    pub score: String,
    /// How its classes were matched with the model's, where they differ; else empty.
    pub note: String,
}

/// The jobs of a row of a study of merging with one seed, by identity.
#[derive(Clone, Debug)]
pub struct SeedJobs {
    /// The seed.
    pub seed: u64,
    /// The second stage of training.
    pub trained: String,
    /// The score of its kept model on the test split; `None` where the dataset has none.
    pub test: Option<String>,
}

/// Finds the file of a Hugging Face id.
pub type HubResolver<'a> = &'a dyn Fn(&str) -> Result<PathBuf, String>;

impl Plan {
    /// Lays out every job. Data and weights that are not there block what needs them, and nothing else.
    pub fn new(study: Study, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let places = (catalog, hub);
        let (jobs, table) = match study {
            Study::Soups(config) => {
                let mut graph = Graph::new(
                    places,
                    &config.model,
                    config.pretrain.as_ref(),
                    (&config.evaluation, &config.run),
                );
                let columns = soups::columns(&config, &mut graph);
                (graph.finish(), PlannedTable::Soups(config, columns))
            }
            Study::Merging(config) => {
                let mut graph = Graph::new(
                    places,
                    &config.model,
                    config.pretrain.as_ref(),
                    (&config.evaluation, &config.run),
                );
                let columns = merging::columns(&config, &mut graph);
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
    pub fn folder(&self, runs: &Runs) -> PathBuf {
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
