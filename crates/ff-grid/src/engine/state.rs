//! The state of a job, as the runs folder and the queues show it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::entries;
use ff_train::{EpochRecord, Outcome};
use serde::Serialize;

use crate::job::{Job, JobId};
use crate::store::{RunStore, failure_of, owner_of};

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum JobState {
    /// It is on record.
    Done {
        /// The time that it took.
        seconds: f64,
    },
    /// A process runs it.
    Running {
        /// The process or task, its machine and its device, as far as they are known.
        by: String,
        /// When it started, in seconds since 1970 by its machine's clock, if that is known.
        since: Option<u64>,
        /// The end of its time limit, if there is one.
        ends: Option<String>,
        /// Finished epochs.
        epochs: u64,
    },
    /// It waits in a queue.
    Queued {
        /// The scheduler's name for its task.
        task: String,
        /// The scheduler's reason for the wait.
        why: String,
        /// The scheduler's estimate of its start, if there is one.
        starts: Option<String>,
    },
    /// It was started and no process runs it. The next run resumes it.
    Stopped {
        /// The process that has ended without a word. `None`: it was interrupted, or is on another
        /// machine's record only.
        by: Option<String>,
        /// Finished epochs.
        epochs: u64,
        /// Whether there is a resume point. Without one the job starts again.
        saved: bool,
    },
    /// It failed, or its task ended without a result. The next run repeats it.
    Failed(Failure),
    /// Its data or weights are missing.
    Blocked {
        /// What is missing.
        why: String,
    },
    /// It has not started.
    Waiting {
        /// The number of its inputs that are not done. 0: it can start.
        inputs: usize,
    },
}

/// The failure of a job or of its task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The reason, as far as it is known.
    pub why: String,
    /// The task's log. `None` if there is no task, or if it did not start.
    pub log: Option<PathBuf>,
    /// The last lines of the log.
    pub last_lines: String,
}

/// The states of jobs.
#[derive(Debug, Default, Serialize)]
pub struct QueueStatus {
    /// States by job identity.
    pub jobs: BTreeMap<JobId, JobState>,
    /// Problems that concern no single job, a sentence each.
    pub troubles: Vec<String>,
    /// False if jobs were submitted and the queue does not answer.
    pub can_tell: bool,
}

impl JobState {
    /// The names of the states, in the order in which a job goes through them.
    pub const NAMES: [&str; 7] = ["done", "running", "queued", "stopped", "waiting", "blocked", "failed"];

    /// Returns the state's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Running { .. } => "running",
            Self::Queued { .. } => "queued",
            Self::Stopped { .. } => "stopped",
            Self::Waiting { .. } => "waiting",
            Self::Blocked { .. } => "blocked",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns the state of a job without a record, as its folder shows it; `None` if it has not
    /// started.
    pub(super) fn in_folder(job: &Job, runs: &RunStore) -> Option<Self> {
        let folder = runs.folder(job);
        let epochs = finished_epochs(&folder);
        let owner = owner_of(&folder);
        if let Some(owner) = owner.as_ref().filter(|owner| !owner.has_ended()) {
            let by = format!("{owner}, {}", owner.device);
            return Some(Self::Running { by, since: owner.since, ends: None, epochs });
        }
        if let Some(why) = failure_of(&folder) {
            return Some(Self::Failed(Failure { why, log: None, last_lines: String::new() }));
        }
        let saved = entries(&folder).is_ok_and(|all| all.iter().any(|path| Outcome::is_resume_point(path)));
        let by = owner.map(|owner| owner.to_string());
        (saved || by.is_some()).then_some(Self::Stopped { by, epochs, saved })
    }
}

/// Returns the number of epochs in the log of a job's folder.
pub(super) fn finished_epochs(folder: &Path) -> u64 {
    EpochRecord::written_in(folder).len() as u64
}
