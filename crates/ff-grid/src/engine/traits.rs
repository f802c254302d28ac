//! What an engine is.

use std::path::PathBuf;

use tch::Device;

use super::events::{OnEvent, QueueStatus, Summary};
use crate::config::ClusterConfig;
use crate::error::Error;
use crate::job::Jobs;
use crate::run::JobContext;
use crate::store::RunStore;

/// Runs the jobs of a plan that are not on record yet, each after its inputs. A failed job fails
/// alone: what does not need it goes on.
pub trait Engine {
    /// Runs them.
    ///
    /// # Errors
    /// What is wrong with all of them; what is wrong with a job is in the [`Summary`].
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error>;

    /// What [`Engine::run`] would submit now: names and scripts. Nothing is written. Empty where
    /// nothing is ever submitted.
    ///
    /// # Errors
    /// As for running them.
    fn dry_run(&self, context: &JobContext<'_>) -> Result<Vec<(String, String)>, Error>;

    /// Where those of the jobs are that are not on record, by the identities in `undone`, as far as
    /// this engine knows.
    ///
    /// # Errors
    /// What was noted of submitted jobs cannot be read. A queue that cannot be asked is a trouble
    /// in the answer.
    fn status(&self, jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error>;

    /// Takes what was submitted for a table out of its queue; the number of tasks.
    ///
    /// # Errors
    /// The scheduler's words.
    fn cancel(&self, table: &str, runs: &RunStore) -> Result<usize, Error>;
}

/// What an engine may want to know.
#[derive(Clone, Debug, Default)]
pub struct EngineSetup {
    /// The table's name, which names in a queue show.
    pub table: String,
    /// What jobs ask of a scheduler.
    pub cluster: ClusterConfig,
    /// Where relative paths of datasets start, under its whole name.
    pub data_root: PathBuf,
    /// `ff-grid` on a compute node, if the cluster's configuration does not say.
    pub program: PathBuf,
    /// Options for it.
    pub options: Vec<String>,
    /// Stay until nothing is in the queue any more.
    pub wait: bool,
    /// Jobs at once in this process, at least 1.
    pub workers: usize,
    /// Threads that libtorch may use in each of them.
    pub threads: usize,
    /// Where they compute, in turn.
    pub devices: Vec<Device>,
}

/// An engine that a command can name.
pub struct EngineKind {
    /// Its name.
    pub name: &'static str,
    /// What it is, for `--help`.
    pub about: &'static str,
    /// Whether it submits jobs to a queue, where other machines run them.
    pub queued: bool,
    /// Makes one.
    pub new: fn(EngineSetup) -> Box<dyn Engine>,
}
