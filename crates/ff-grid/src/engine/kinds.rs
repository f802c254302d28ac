//! Every engine, and what they know together.

use super::events::{JobState, QueueStatus};
use super::traits::{EngineKind, EngineSetup};
use super::{local, slurm};
use crate::error::Error;
use crate::job::Jobs;
use crate::store::RunStore;

/// Every engine; the first is the default.
pub const ENGINES: [&EngineKind; 2] = [&local::KIND, &slurm::KIND];

/// Where the jobs are that are not on record, whichever engine has them. What runs counts for more
/// than what waits.
///
/// # Errors
/// As [`Engine::status`](super::Engine::status).
pub fn queue_status(jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error> {
    let mut all = QueueStatus { can_tell: true, ..QueueStatus::default() };
    for kind in ENGINES {
        let status = (kind.new)(EngineSetup::default()).status(jobs, undone, runs)?;
        for (id, state) in status.jobs {
            let running = |state: &JobState| matches!(state, JobState::Running { .. });
            if running(&state) || !all.jobs.get(&id).is_some_and(running) {
                all.jobs.insert(id, state);
            }
        }
        all.troubles.extend(status.troubles);
        all.can_tell &= status.can_tell;
    }
    Ok(all)
}

/// Takes what was submitted for a table out of every queue; the number of tasks.
///
/// # Errors
/// As [`Engine::cancel`](super::Engine::cancel).
pub fn cancel(table: &str, runs: &RunStore) -> Result<usize, Error> {
    ENGINES.iter().map(|kind| (kind.new)(EngineSetup::default()).cancel(table, runs)).sum()
}
