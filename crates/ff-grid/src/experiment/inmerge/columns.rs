//! The columns of a table of in-model merging, with their jobs.

use super::config::InmergeConfig;
use crate::job::JobId;
use crate::plan::ColumnHead;

/// A planned table of in-model merging.
pub struct InmergeTable {
    /// The configuration that it was planned from.
    pub config: InmergeConfig,
    /// The columns: one for each backbone on each dataset.
    pub columns: Vec<InmergeColumn>,
}

/// A backbone on a dataset, with the jobs of each row ([`InmergeConfig::rows`]).
pub struct InmergeColumn {
    /// The backbone and the dataset.
    pub head: ColumnHead,
    /// The jobs of each row of the table, one for each seed.
    pub methods: Vec<Vec<SeedJobs>>,
}

/// The jobs of a row for one seed, by identity.
#[derive(Clone, Debug)]
pub struct SeedJobs {
    /// The seed.
    pub seed: u64,
    /// The second training stage.
    pub trained: JobId,
    /// The score of its saved model on the test split; `None` if the dataset has none.
    pub test: Option<JobId>,
}
