//! Errors of tables and figures.

use ff_eval::Metric;

/// An error of a table or a figure whose parts do not fit each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A row has more or fewer cells than there are columns.
    #[error("row {method:?}: expected {expected} cells, one per column, found {found}")]
    Cells {
        /// The row.
        method: String,
        /// The number of columns.
        expected: usize,
        /// The number of cells.
        found: usize,
    },
    /// A cell's OOD sets differ from its column's, or are in another order.
    #[error("row {method:?}, column {column}: expected OOD sets {expected:?}, found {found:?}")]
    Ood {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// The OOD sets of the column.
        expected: Vec<String>,
        /// The OOD sets of the cell.
        found: Vec<String>,
    },
    /// The metric of a score differs from its column's.
    #[error("row {method:?}, column {column}: expected a score by {expected}, found {found}")]
    Metric {
        /// The row.
        method: String,
        /// The column.
        column: String,
        /// The metric of the column.
        expected: Metric,
        /// The metric of the score.
        found: Metric,
    },
    /// Two rows have the same name.
    #[error("row {method:?}: expected unique names, found two rows\nhint: give each method its own label")]
    Duplicate {
        /// The name.
        method: String,
    },
    /// A cell has two runs of one seed.
    #[error("row {method:?}, column {column}: expected one run for each seed, found two of seed {seed}")]
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
        /// The number of tasks of the column.
        expected: usize,
        /// The number of tasks of the score.
        found: usize,
    },
    /// The baseline is not a row of the table.
    #[error("expected a baseline among {rows} rows, found row {found} (the first is 0)")]
    Baseline {
        /// The number of rows.
        rows: usize,
        /// The index of the baseline.
        found: usize,
    },
    /// The paper does not have the column or row that a table assigns to it.
    #[error("{place}: the paper has no {name:?}")]
    NotPublished {
        /// The column or row.
        place: String,
        /// The name that the paper does not have.
        name: String,
    },
    /// A series of a figure has more or fewer points than its x axis has positions.
    #[error("figure {figure:?}, series {series:?}: expected {expected} points, one per x, found {found}")]
    Points {
        /// The figure's title.
        figure: String,
        /// The series.
        series: String,
        /// The number of positions.
        expected: usize,
        /// The number of points.
        found: usize,
    },
    /// A number of a figure is NaN or infinite.
    #[error("figure {figure:?}, {of}: expected a finite number, found {found}")]
    NotFinite {
        /// The figure's title.
        figure: String,
        /// The part of the figure with the number.
        of: String,
        /// The number.
        found: String,
    },
    /// No series of a figure has a point.
    #[error("figure {figure:?}: expected at least one point, found none")]
    NoPoint {
        /// The figure's title.
        figure: String,
    },
    /// The drawing library failed.
    #[error("figure {figure:?}: {why}")]
    Drawing {
        /// The figure's title.
        figure: String,
        /// The error of the drawing library.
        why: String,
    },
}
