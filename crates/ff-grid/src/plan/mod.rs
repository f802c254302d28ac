//! From a configuration to a graph of jobs.

mod builder;

use std::path::PathBuf;

use crate::{Catalog, Config, Job};

use builder::Builder;

/// A table as a graph: jobs in an order in which each comes after its inputs, and the columns they make.
pub struct Plan {
    /// The configuration.
    pub config: Config,
    /// Every job once.
    pub jobs: Vec<Job>,
    /// One for each backbone and dataset.
    pub columns: Vec<Column>,
}

/// A backbone on a dataset.
pub struct Column {
    /// Position in the configuration's list.
    pub backbone: usize,
    /// Position in the configuration's list.
    pub dataset: usize,
    /// Names of the classes or tasks; empty if the data is not there.
    pub classes: Vec<String>,
    /// Why the column is left out, if it is.
    pub blocked: Option<String>,
    /// One for each method of the configuration.
    pub methods: Vec<MethodJobs>,
}

/// The jobs of a method in a column, by identity.
pub struct MethodJobs {
    /// The runs whose models it may use.
    pub pool: Vec<String>,
    /// The choice.
    pub soup: String,
    /// The score on the test split; `None` where the dataset has none.
    pub test: Option<String>,
    /// The scores on other datasets, or why there is none.
    pub ood: Vec<Result<String, String>>,
}

/// Finds the file of a Hugging Face id.
pub type HubResolver<'a> = &'a dyn Fn(&str) -> Result<PathBuf, String>;

impl Plan {
    /// Lays out every job. Data and weights that are not there block what needs them, and nothing else.
    pub fn new(config: Config, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let mut builder = Builder::new(&config, catalog, hub);
        let mut columns = Vec::new();
        for (b, backbone) in config.backbone.iter().enumerate() {
            let start = builder.start(backbone);
            for (d, dataset) in config.dataset.iter().enumerate() {
                columns.push(builder.column((b, backbone), (d, dataset), &start));
            }
        }
        let jobs = builder.finish();
        Self { config, jobs, columns }
    }

    /// The job of that identity.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }
}
