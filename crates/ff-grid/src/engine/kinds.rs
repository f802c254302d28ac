//! The list of engines, and queries that ask all of them.

use super::events::{JobState, QueueStatus};
use super::traits::{EngineKind, EngineSetup};
use super::{local, slurm};
use crate::error::Error;
use crate::job::Jobs;
use crate::store::RunStore;

/// All engines. The first is the default.
pub const ENGINES: [&EngineKind; 2] = [&local::KIND, &slurm::KIND];

/// Returns the states of jobs that are not on record, from all engines.
///
/// If engines disagree on a job, a running state takes precedence.
///
/// # Errors
/// Those of [`Engine::status`](super::Engine::status).
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

/// Cancels a table's tasks in every queue, and returns their number.
///
/// # Errors
/// Those of [`Engine::cancel`](super::Engine::cancel).
pub fn cancel(table: &str, runs: &RunStore) -> Result<usize, Error> {
    ENGINES.iter().map(|kind| (kind.new)(EngineSetup::default()).cancel(table, runs)).sum()
}
