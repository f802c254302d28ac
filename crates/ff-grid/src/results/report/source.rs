//! The source of a report.

use crate::catalog::Catalog;
use crate::plan::Plan;

/// A table to report on.
pub struct Source<'a> {
    /// The plan of the table.
    pub plan: &'a Plan,
    /// The datasets, for the names and pictures of images.
    pub catalog: &'a Catalog,
    /// Commands that reproduce the table.
    pub commands: Vec<String>,
}
