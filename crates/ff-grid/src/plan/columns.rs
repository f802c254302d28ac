//! What a plan's columns are made of.

use crate::job::JobId;
use std::path::PathBuf;

use ff_data::Task;

use super::landscape::LandscapeJobs;

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
    pub pool: Vec<JobId>,
    /// The choice.
    pub soup: JobId,
    /// The score on the test split; `None` where the dataset has none.
    pub test: Option<JobId>,
    /// The scores on other datasets, or why there is none.
    pub ood: Vec<Result<OodScore, String>>,
}

/// A score on a dataset from elsewhere.
pub struct OodScore {
    /// The job, by identity.
    pub score: JobId,
    /// How its classes were matched with the model's, where they differ; else empty.
    pub note: String,
}

/// The jobs of a row of a study of merging with one seed, by identity.
#[derive(Clone, Debug)]
pub struct SeedJobs {
    /// The seed.
    pub seed: u64,
    /// The second stage of training.
    pub trained: JobId,
    /// The score of its kept model on the test split; `None` where the dataset has none.
    pub test: Option<JobId>,
}

/// Finds the file of a Hugging Face id.
pub type HubResolver<'a> = &'a dyn Fn(&str) -> Result<PathBuf, String>;
