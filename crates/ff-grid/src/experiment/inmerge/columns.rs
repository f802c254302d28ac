//! What the columns of a table of in-model merging are made of.

use super::config::InmergeConfig;
use crate::job::JobId;
use crate::plan::ColumnHead;

/// A planned table of in-model merging.
pub struct InmergeTable {
    /// What it was planned from.
    pub config: InmergeConfig,
    /// One for each backbone on each dataset.
    pub columns: Vec<InmergeColumn>,
}

/// A backbone on a dataset, with the jobs of each row ([`InmergeConfig::rows`]).
pub struct InmergeColumn {
    /// Which backbone on which dataset.
    pub head: ColumnHead,
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
