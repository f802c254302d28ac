//! Records that do not make a table or a figure.

use ff_eval::Metric;

/// Why rows and columns, or points and axes, do not fit each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A row has more or fewer cells than there are columns.
    #[error("row {method:?}: expected {expected} cells, one per column, found {found}")]
    Cells {
        /// The row.
        method: String,
        /// Number of columns.
        expected: usize,
        /// Number of cells.
        found: usize,
    },
    /// A cell's OOD sets are not its column's, or not in its order.
    #[error("row {method:?}, column {column}: expected OOD sets {expected:?}, found {found:?}")]
    Ood {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// The column's.
        expected: Vec<String>,
        /// The cell's.
        found: Vec<String>,
    },
    /// A score is of another metric than its column.
    #[error("row {method:?}, column {column}: expected a score by {expected}, found {found}")]
    Metric {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// The column's.
        expected: Metric,
        /// The score's.
        found: Metric,
    },
    /// Two rows have one name.
    #[error("row {method:?} stands twice; hint: give each method its own label")]
    Duplicate {
        /// The name.
        method: String,
    },
    /// A cell has two runs of one seed.
    #[error("row {method:?}, column {column}: seed {seed} stands twice")]
    Seed {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// The seed.
        seed: u64,
    },
    /// A score has more or fewer tasks than its column.
    #[error("row {method:?}, column {column}: expected {expected} tasks, found {found}")]
    Tasks {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// Number of the column's tasks.
        expected: usize,
        /// Number of the score's.
        found: usize,
    },
    /// There is no such row to compare with.
    #[error("expected a baseline among {rows} rows, found row {found} (the first is 0)")]
    Baseline {
        /// Number of rows.
        rows: usize,
        /// Where the baseline should be.
        found: usize,
    },
    /// A column or a row is said to be one of the paper's, which does not have it.
    #[error("{place}: the paper has no {name:?}")]
    NotPublished {
        /// The column or row.
        place: String,
        /// What the paper should have.
        name: String,
    },
    /// A series of a figure has more or fewer points than there are places on its x axis.
    #[error("figure {figure:?}, series {series:?}: expected {expected} points, one per x, found {found}")]
    Points {
        /// The figure's title.
        figure: String,
        /// The series.
        series: String,
        /// Number of places.
        expected: usize,
        /// Number of points.
        found: usize,
    },
    /// A number of a figure is NaN or infinite.
    #[error("figure {figure:?}, {of}: expected a finite number, found {found}")]
    NotFinite {
        /// The figure's title.
        figure: String,
        /// What the number is of.
        of: String,
        /// The number.
        found: String,
    },
    /// No series of a figure has a point.
    #[error("figure {figure:?} has no point to draw")]
    NoPoint {
        /// The figure's title.
        figure: String,
    },
    /// A figure could not be drawn.
    #[error("figure {figure:?}: {why}")]
    Drawing {
        /// The figure's title.
        figure: String,
        /// What the drawing library says.
        why: String,
    },
}
