//! Engines, which run the jobs of a plan: in this process, or as Slurm job arrays.
//!
//! A new engine is a folder here and a row of [`ENGINES`].

mod events;
mod kinds;
mod local;
mod slurm;
mod state;
mod traits;

pub use events::{Event, OnEvent, Summary};
pub use kinds::{ENGINES, cancel, job_states};
pub use local::Local;
pub use slurm::BatchTask;
pub use state::{Failure, JobState, QueueStatus};
pub use traits::{Engine, EngineKind, EngineSetup};
