//! What the columns of a table of in-model merging are made of.

use ff_data::Task;

use crate::job::JobId;

/// A backbone on a dataset, with the jobs of each row ([`InmergeConfig::rows`](super::config::InmergeConfig::rows)).
pub struct InmergeColumn {
    /// Position in the configuration's list.
    pub backbone: usize,
    /// Position in the configuration's list.
    pub dataset: usize,
    /// What is to be told of an image; `None` if the data is not there.
    pub task: Option<Task>,
    /// Why the column is left out, if it is.
    pub blocked: Option<String>,
    /// One for each row of the table, with the jobs of each seed.
    pub methods: Vec<Vec<SeedJobs>>,
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
