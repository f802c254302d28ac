//! A run of its own, beside no other.

use ff_train::EpochRecord;

use super::context::JobContext;
use crate::error::Error;
use crate::job::{Job, Record};
use crate::store::Claimed;

impl JobContext<'_> {
    /// Runs a job by itself, unless it is on record already; its record, and whether it was run
    /// now.
    ///
    /// # Errors
    /// Another process has claimed its folder; the folder holds another run; as
    /// [`JobContext::run`].
    pub fn run_alone(
        &self,
        job: &Job,
        on_epoch: &mut dyn FnMut(&EpochRecord),
    ) -> Result<(Record, bool), Error> {
        let folder = self.runs.folder(job);
        let _claim = match self.claims.take(&folder, self.stop.clone())? {
            Claimed::Ours(claim) => claim,
            Claimed::Theirs(owner) => {
                let owner = owner.map_or("another process".to_owned(), |owner| owner.to_string());
                return Err(Error::File { path: folder, reason: format!("{owner} is at work on this run") });
            }
        };
        if let Some(record) = self.runs.record(job)? {
            return Ok((record, false));
        }
        let before = folder.join("outcome.json");
        if before.exists() {
            let reason = "this run was made before runs had records\nhint: give the recipe another name, or remove the folder";
            return Err(Error::File { path: before, reason: reason.into() });
        }
        Ok((self.run(job, &self.stop, on_epoch)?, true))
    }
}
