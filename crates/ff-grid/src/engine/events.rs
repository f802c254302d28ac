//! Events and results of an engine that runs a plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_train::EpochRecord;
use serde::Serialize;

use crate::job::{Job, JobId, Record};
use crate::store::Owner;

/// An event while a plan runs.
pub enum Event<'a> {
    /// A job has started.
    Started(&'a Job),
    /// A training job has finished an epoch.
    Epoch(&'a Job, &'a EpochRecord),
    /// A job has finished and is on record.
    Finished(&'a Job, &'a Record),
    /// A job failed.
    Failed(&'a Job, &'a str),
    /// Another process runs the job. The event may repeat.
    Elsewhere(&'a Job, Option<&'a Owner>),
    /// An array was submitted: its number of tasks, its name, and the scheduler's number for it.
    Submitted(usize, &'a str, &'a str),
}

/// A callback for every event. Any thread may call it.
pub type OnEvent<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// The outcome of running a plan: numbers of jobs, and failures.
#[derive(Debug, Default)]
pub struct Summary {
    /// Jobs that were on record before, or that other processes finished meanwhile.
    pub found: usize,
    /// Jobs that finished now.
    pub done: usize,
    /// Jobs that failed: label and error message.
    pub failed: Vec<(String, String)>,
    /// Jobs that did not start because a job that they need failed: label, and the label of that
    /// job.
    pub skipped: Vec<(String, String)>,
    /// Jobs whose data or weights are missing.
    pub blocked: usize,
    /// Jobs that did not finish because the run was cancelled.
    pub stopped: usize,
    /// Jobs that are in a queue now.
    pub queued: usize,
    /// Jobs that were not submitted because of the limit on queued tasks.
    pub no_room: usize,
}

/// The state of a job that is not on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum JobState {
    /// It waits in a queue.
    Queued {
        /// The scheduler's name for its task.
        task: String,
        /// The scheduler's reason for the wait.
        why: String,
        /// The scheduler's estimate of its start, if there is one.
        starts: Option<String>,
    },
    /// A process runs it.
    Running {
        /// The process or task, and its machine.
        by: String,
        /// The end of its time limit, if there is one.
        ends: Option<String>,
    },
    /// It was submitted, and its task ended without a result.
    Failed(Failure),
}

/// The failure of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The reason, as far as it is known.
    pub why: String,
    /// The task's log. `None` if the task did not start.
    pub log: Option<PathBuf>,
    /// The last lines of the log.
    pub last_lines: String,
}

/// The states of all jobs that are not on record.
#[derive(Debug, Default, Serialize)]
pub struct QueueStatus {
    /// States by job identity. Jobs that are neither queued, running nor failed are absent.
    pub jobs: BTreeMap<JobId, JobState>,
    /// Problems that concern no single job, a sentence each.
    pub troubles: Vec<String>,
    /// False if jobs were submitted and the queue does not answer.
    pub can_tell: bool,
}
