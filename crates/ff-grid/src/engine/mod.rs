//! Who does the jobs, and when.

mod local;
mod slurm;
mod whereabouts;

use ff_train::EpochRecord;

use crate::{Error, Job, Owner, Record, Workshop};

pub use local::Local;
pub use slurm::{Slurm, Task};
pub use whereabouts::{Failure, Sight, Whereabouts};

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

/// Runs the jobs of a plan that are not on record yet, each after its inputs. A failed job fails alone: what does
/// not need it goes on.
pub trait Engine {
    /// Runs them.
    fn run(&self, workshop: &Workshop<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error>;
}
