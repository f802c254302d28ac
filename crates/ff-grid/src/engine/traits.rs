//! The interface of an engine.

use std::path::PathBuf;

use tch::Device;

use super::events::{OnEvent, Summary};
use super::state::QueueStatus;
use crate::config::ClusterConfig;
use crate::error::Error;
use crate::job::Jobs;
use crate::run::JobContext;
use crate::store::RunStore;

/// Runs the jobs of a plan that are not on record, each after its inputs.
///
/// A job that fails stops only the jobs that need its result.
pub trait Engine {
    /// Runs or submits the jobs.
    ///
    /// # Errors
    /// Failures that concern all jobs. Failures of single jobs are in the [`Summary`].
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error>;

    /// Returns the names and scripts that [`Engine::run`] would submit now, and writes nothing.
    ///
    /// Empty for an engine that submits nothing.
    ///
    /// # Errors
    /// Those of [`Engine::run`].
    fn dry_run(&self, context: &JobContext<'_>) -> Result<Vec<(String, String)>, Error>;

    /// Returns the states of the jobs in `undone` (identities of jobs that are not on record), as
    /// far as this engine knows them.
    ///
    /// # Errors
    /// Files about submitted jobs that cannot be read. A queue that does not answer is listed in
    /// [`QueueStatus::troubles`].
    fn status(&self, jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error>;

    /// Cancels a table's tasks in the queue, and returns their number.
    ///
    /// # Errors
    /// The scheduler's error.
    fn cancel(&self, table: &str, runs: &RunStore) -> Result<usize, Error>;
}

/// The settings of an engine. An engine uses those that concern it.
#[derive(Clone, Debug, Default)]
pub struct EngineSetup {
    /// The table's name, which is part of the names in a queue.
    pub table: String,
    /// What jobs request from a scheduler.
    pub cluster: ClusterConfig,
    /// The absolute path at which relative paths of datasets start.
    pub data_root: PathBuf,
    /// The path of `ff-grid` on a compute node, unless the cluster's configuration sets it.
    pub program: PathBuf,
    /// Command-line options for `ff-grid` on a compute node.
    pub options: Vec<String>,
    /// Wait until none of the jobs is in the queue.
    pub wait: bool,
    /// Jobs at once in this process, at least 1.
    pub workers: usize,
    /// Threads that libtorch may use in each job.
    pub threads: usize,
    /// The devices of the workers, assigned in turn.
    pub devices: Vec<Device>,
}

/// An engine as a command names it.
pub struct EngineKind {
    /// The name.
    pub name: &'static str,
    /// A description for `--help`.
    pub about: &'static str,
    /// True if it submits jobs to a queue and other machines run them.
    pub queued: bool,
    /// Makes the engine.
    pub new: fn(EngineSetup) -> Box<dyn Engine>,
}
