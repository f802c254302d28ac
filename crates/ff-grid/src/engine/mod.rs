//! Engines, which run the jobs of a plan: in this process, or as Slurm job arrays.
//!
//! A new engine is a folder here and a row of [`ENGINES`].

mod events;
mod kinds;
mod local;
mod slurm;
mod traits;

pub use events::{Event, Failure, JobState, OnEvent, QueueStatus, Summary};
pub use kinds::{ENGINES, cancel, queue_status};
pub use local::Local;
pub use slurm::BatchTask;
pub use traits::{Engine, EngineKind, EngineSetup};
