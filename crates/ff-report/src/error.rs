//! Records that do not make a table.

use ff_eval::Metric;

/// Why rows and columns do not fit each other.
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
}
