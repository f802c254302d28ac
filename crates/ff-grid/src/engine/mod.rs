//! Who runs the jobs, and when.

mod events;
mod local;
mod slurm;
mod status;

pub use events::{Event, Failure, JobState, OnEvent, QueueStatus, Summary};
pub use local::Local;
pub use slurm::{BatchTask, Slurm};

use crate::error::Error;
use crate::run::JobContext;

/// Runs the jobs of a plan that are not on record yet, each after its inputs. A failed job fails alone: what does
/// not need it goes on.
pub trait Engine {
    /// Runs them.
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error>;
}
