//! The columns of a table of soups, with their jobs.

use super::config::SoupsConfig;
use crate::job::{JobId, Selection};
use crate::plan::ColumnHead;

/// A planned table of soups.
pub struct SoupsTable {
    /// The configuration that it was planned from.
    pub config: SoupsConfig,
    /// The columns: one for each backbone on each dataset.
    pub columns: Vec<SoupsColumn>,
}

/// A backbone on a dataset, with the jobs of each row.
pub struct SoupsColumn {
    /// The backbone and the dataset.
    pub head: ColumnHead,
    /// The jobs of each row of the table.
    pub methods: Vec<MethodJobs>,
    /// The job that compares soups with single models on validation; `None` without both, or without
    /// folds.
    pub verdict: Option<JobId>,
    /// The jobs that evaluate errors between its models.
    pub landscape: LandscapeJobs,
    /// Single models of the grid, the best first, that are scored but are not rows
    /// (`grid.top_models`).
    pub singles: Vec<MethodJobs>,
}

/// The jobs of a method in a column, by identity.
pub struct MethodJobs {
    /// The runs whose models it selects from.
    pub pool: Vec<JobId>,
    /// The forecast of which of their models average; `None` if there is none.
    pub forecast: Option<JobId>,
    /// The job that selects and averages.
    pub soup: JobId,
    /// The score on the test split; `None` if the dataset has none.
    pub test: Option<JobId>,
    /// The scores on other datasets, or why there is none.
    pub ood: Vec<Result<OodScore, String>>,
}

/// Returns the inputs of a method's predictions: the job that makes its model, and for an ensemble
/// the runs whose models predict.
pub(super) fn predictors(select: &Selection, soup: &JobId, pool: &[JobId]) -> Vec<JobId> {
    let runs = if select.is_ensemble() { pool } else { &[] };
    std::iter::once(soup).chain(runs).cloned().collect()
}

/// A score on an out-of-distribution dataset.
pub struct OodScore {
    /// The job, by identity.
    pub score: JobId,
    /// How the dataset's classes map to the model's outputs, if they differ; else empty.
    pub note: String,
}

/// Jobs that evaluate errors between a column's models, by identity. Empty without the sections of
/// the configuration that ask for them.
#[derive(Clone, Debug, Default)]
pub struct LandscapeJobs {
    /// The error surface of each plane, in the configuration's order.
    pub surfaces: Vec<JobId>,
    /// Paths that are drawn as curves.
    pub curves: Vec<PathJob>,
    /// Paths between all pairs of the grid's models.
    pub matrix: Vec<PathJob>,
    /// The barriers of greedy soups, in the configuration's order.
    pub greedy_barriers: Vec<JobId>,
}

/// A path between two models of the grid.
#[derive(Clone, Debug)]
pub struct PathJob {
    /// The names of the models A and B.
    pub ends: [String; 2],
    /// The fields in which their runs differ.
    pub differ: Vec<&'static str>,
    /// The job, by identity.
    pub job: JobId,
}
