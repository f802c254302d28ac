//! Where the jobs are that are not on record.

use super::events::{JobState, QueueStatus};
use super::slurm;
use crate::error::Error;
use crate::job::Jobs;
use crate::store::{RunStore, owner_of};

impl QueueStatus {
    /// Looks at claims and, where jobs were sent off, at the queue. `undone` are the jobs that are not on record.
    ///
    /// # Errors
    /// What was noted of jobs that were sent off cannot be read. A queue that cannot be asked is a trouble.
    pub fn take(jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<Self, Error> {
        let mut status = slurm::status(undone, runs)?;
        for job in undone.iter().filter_map(|id| jobs.find(id)) {
            if let Some(JobState::Running { .. }) = status.jobs.get(&job.id) {
                continue;
            }
            if let Some(owner) = owner_of(&runs.folder(job)).filter(|owner| !owner.has_ended()) {
                let by = format!("{owner}, {}", owner.device);
                status.jobs.insert(job.id.clone(), JobState::Running { by, ends: None });
            }
        }
        Ok(status)
    }
}
