//! A method of a column with its choice.

use crate::experiment::soups::columns::MethodJobs;
use crate::experiment::soups::methods::MethodConfig;
use crate::job::SoupRecord;

/// A method with its jobs and its choice.
pub(super) struct Model<'a> {
    pub method: &'a MethodConfig,
    pub jobs: &'a MethodJobs,
    pub soup: SoupRecord,
}

impl Model<'_> {
    pub fn is_single(&self) -> bool {
        self.method.select.hierarchy().is_none()
    }
}
