//! Events and results of an engine that runs a plan.

use ff_train::EpochRecord;

use crate::job::{Job, Record};
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
