//! What the columns of a table of soups are made of.

use super::config::SoupsConfig;
use crate::job::JobId;
use crate::plan::ColumnHead;

/// A planned table of soups.
pub struct SoupsTable {
    /// What it was planned from.
    pub config: SoupsConfig,
    /// One for each backbone on each dataset.
    pub columns: Vec<SoupsColumn>,
}

/// A backbone on a dataset, with the jobs of each row.
pub struct SoupsColumn {
    /// Which backbone on which dataset.
    pub head: ColumnHead,
    /// One for each row of the table.
    pub methods: Vec<MethodJobs>,
    /// What evaluates errors between its models.
    pub landscape: LandscapeJobs,
    /// Single models of the grid, the best first, that are scored like a row and are none
    /// (`grid.top_models`).
    pub singles: Vec<MethodJobs>,
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

/// Jobs that look at errors between a column's models, by identity; none unless the configuration
/// asks for them.
#[derive(Clone, Debug, Default)]
pub struct LandscapeJobs {
    /// The error surface of each plane, in the configuration's order.
    pub surfaces: Vec<JobId>,
    /// Paths to be drawn as curves.
    pub curves: Vec<PathJob>,
    /// Paths between all pairs of the grid's models.
    pub matrix: Vec<PathJob>,
    /// The tries of greedy soups, in the configuration's order.
    pub greedy_barriers: Vec<JobId>,
}

/// A path between two models of the grid.
#[derive(Clone, Debug)]
pub struct PathJob {
    /// The names of A and B.
    pub ends: [String; 2],
    /// What their runs differ in.
    pub differ: Vec<&'static str>,
    /// The job, by identity.
    pub job: JobId,
}
