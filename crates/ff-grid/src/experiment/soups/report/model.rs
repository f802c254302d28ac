//! A method of a column with its record.

use crate::experiment::soups::columns::MethodJobs;
use crate::experiment::soups::methods::MethodConfig;
use crate::job::SoupRecord;

/// A method with its jobs and its record.
pub(super) struct Model<'a> {
    pub method: &'a MethodConfig,
    pub jobs: &'a MethodJobs,
    pub soup: SoupRecord,
}

impl Model<'_> {
    /// Returns true if the method selects a single model.
    pub fn is_single(&self) -> bool {
        self.method.select.is_single()
    }
}
