//! The list of engines, and queries that ask all of them.

use super::state::{JobState, QueueStatus};
use super::traits::{EngineKind, EngineSetup};
use super::{local, slurm};
use crate::error::Error;
use crate::job::Jobs;
use crate::store::RunStore;

/// All engines. The first is the default.
pub const ENGINES: [&EngineKind; 2] = [&local::KIND, &slurm::KIND];

/// Returns the states of all jobs, from their folders and from the queues of all engines.
///
/// A job with missing data or weights is blocked. If engines disagree on a job, a running state
/// takes precedence.
///
/// # Errors
/// A record that cannot be read, and those of [`Engine::status`](super::Engine::status).
pub fn job_states(jobs: &Jobs, runs: &RunStore) -> Result<QueueStatus, Error> {
    let done = runs.finished(jobs)?;
    let open = jobs.iter().filter(|job| job.blocked.is_none()).map(|job| job.id.as_str());
    let undone: Vec<&str> = open.filter(|id| !done.contains_key(id)).collect();
    let mut all = QueueStatus { can_tell: true, ..QueueStatus::default() };
    for kind in ENGINES {
        let status = (kind.new)(EngineSetup::default()).status(jobs, &undone, runs)?;
        for (id, state) in status.jobs {
            let running = |state: &JobState| matches!(state, JobState::Running { .. });
            if running(&state) || !all.jobs.get(&id).is_some_and(running) {
                all.jobs.insert(id, state);
            }
        }
        all.troubles.extend(status.troubles);
        all.can_tell &= status.can_tell;
    }
    for job in jobs.iter() {
        let known = match (&job.blocked, done.get(job.id.as_str())) {
            (Some(why), _) => JobState::Blocked { why: why.clone() },
            (None, Some(&seconds)) => JobState::Done { seconds },
            (None, None) => {
                let inputs = job.inputs.iter().filter(|id| !done.contains_key(id.as_str())).count();
                all.jobs.entry(job.id.clone()).or_insert(JobState::Waiting { inputs });
                continue;
            }
        };
        all.jobs.insert(job.id.clone(), known);
    }
    Ok(all)
}

/// Cancels a table's tasks in every queue, and returns their number.
///
/// # Errors
/// Those of [`Engine::cancel`](super::Engine::cancel).
pub fn cancel(table: &str, runs: &RunStore) -> Result<usize, Error> {
    ENGINES.iter().map(|kind| (kind.new)(EngineSetup::default()).cancel(table, runs)).sum()
}
