//! What an engine tells while it runs a plan, and how it ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_train::EpochRecord;
use serde::Serialize;

use crate::job::{Job, JobId, Record};
use crate::store::Owner;

/// Something that happened while a plan was run.
pub enum Event<'a> {
    /// A job has begun.
    Started(&'a Job),
    /// A job of training has finished an epoch.
    Epoch(&'a Job, &'a EpochRecord),
    /// A job is done and on record.
    Finished(&'a Job, &'a Record),
    /// A job failed.
    Failed(&'a Job, &'a str),
    /// Another process has been found at work on a job. It may be told again and again.
    Elsewhere(&'a Job, Option<&'a Owner>),
    /// A number of tasks has been sent off: what they do, and their scheduler's name for them.
    Sent(usize, &'a str, &'a str),
}

/// Hears of every event, from any thread.
pub type OnEvent<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// How a run of a plan ended.
#[derive(Debug, Default)]
pub struct Summary {
    /// Jobs that were on record already, or that other processes did meanwhile.
    pub found: usize,
    /// Jobs done now.
    pub done: usize,
    /// Jobs that failed: label and error.
    pub failed: Vec<(String, String)>,
    /// Jobs that could not be tried since one they need failed: label, and the label of that one.
    pub not_tried: Vec<(String, String)>,
    /// Jobs whose data or weights are not there.
    pub blocked: usize,
    /// Jobs that were left since everything was to stop.
    pub stopped: usize,
    /// Jobs that are in a queue now.
    pub queued: usize,
    /// Jobs that wait for room in the queue.
    pub no_room: usize,
}

/// What is known of a job that is not on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum JobState {
    /// It waits in a queue.
    Queued {
        /// The scheduler's name for its task.
        task: String,
        /// What it waits for, in the scheduler's words.
        why: String,
        /// When it will begin, as far as the scheduler says.
        starts: Option<String>,
    },
    /// Somebody is at it.
    Running {
        /// Who, and where.
        by: String,
        /// When its time is over, if it is limited.
        ends: Option<String>,
    },
    /// It was sent off, and came to nothing.
    Failed(Failure),
}

/// How a task came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What happened, as far as it is known.
    pub why: String,
    /// What it wrote; nothing if it was never begun.
    pub log: Option<PathBuf>,
    /// The end of that.
    pub last_lines: String,
}

/// What is known of all jobs that are not on record.
#[derive(Debug, Default, Serialize)]
pub struct QueueStatus {
    /// By identity; a job that nobody has taken up is not here.
    pub jobs: BTreeMap<JobId, JobState>,
    /// What went wrong with no single job, a sentence each.
    pub troubles: Vec<String>,
    /// Whether the queue could be asked, if jobs were sent off.
    pub can_tell: bool,
}
