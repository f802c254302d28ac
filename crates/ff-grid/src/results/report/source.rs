//! What a report is of.

use crate::catalog::Catalog;
use crate::plan::Plan;

/// A table to report on.
pub struct Source<'a> {
    /// Its jobs.
    pub plan: &'a Plan,
    /// Its data, for the names and pictures of images.
    pub catalog: &'a Catalog,
    /// Commands that make it again.
    pub commands: Vec<String>,
}
