//! Running one job by itself, without an engine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ff_train::EpochRecord;

use super::context::JobContext;
use super::failure::panic_text;
use crate::error::Error;
use crate::job::{Job, Record};
use crate::store::Claimed;

impl JobContext<'_> {
    /// Runs a job by itself, unless it is on record. Returns its record, and true if it ran now.
    ///
    /// # Errors
    /// Another process has claimed the folder; the folder has another run; those of
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
                let reason = format!(
                    "{owner} is running this job\nhint: wait for its end, or give the recipe another name"
                );
                return Err(Error::File { path: folder, reason });
            }
        };
        if let Some(record) = self.runs.record(job)? {
            return Ok((record, false));
        }
        let before = folder.join("outcome.json");
        if before.exists() {
            let reason = "expected a run with a record, found one of an older version without\nhint: give the recipe another name, or remove the folder";
            return Err(Error::File { path: before, reason: reason.into() });
        }
        let Self { run, device, .. } = self;
        run.set_algorithms(*device);
        // libtorch's failures are panics, most often for want of memory.
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(job, &self.stop, on_epoch)));
        Ok((ran.unwrap_or_else(|panic| Err(Error::Job(panic_text(&*panic))))?, true))
    }
}
