//! A task of a batch, on a compute node.
//!
//! A task reads its jobs from a file of its array and plans nothing, because a plan opens every
//! dataset. It runs them with the local engine, restricted to its own jobs ([`Local::only`]).

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use ff_train::CancelToken;
use tch::Device;

use super::batch::Batch;
use crate::catalog::Catalog;
use crate::config::{ClusterConfig, Resources};
use crate::engine::events::{OnEvent, Summary};
use crate::engine::local::Local;
use crate::engine::traits::Engine;
use crate::error::Error;
use crate::job::{Job, JobId, Jobs, VERSION, device_name};
use crate::run::JobContext;
use crate::store::{Claims, RunStore};

/// A task of a submitted batch.
pub struct BatchTask {
    batch: Batch,
    folder: PathBuf,
    runs: RunStore,
    jobs: Jobs,
    /// The jobs of the task. `None`: the preflight check.
    only: Option<HashSet<JobId>>,
    resources: Resources,
}

impl BatchTask {
    /// Exit code of a task that stopped at a signal and can resume.
    pub const STOPPED: u8 = 75;

    /// Opens a task of the batch in `folder`, by the index of its array and its number.
    ///
    /// # Errors
    /// A batch that cannot be read here, is of another version, or has no such task.
    pub fn open(folder: &Path, array: usize, task: u32) -> Result<Self, Error> {
        let wrong = |reason: String| Error::File { path: folder.to_owned(), reason };
        if !folder.is_dir() {
            let reason = "expected the folder of a batch, found none on this machine\nhint: the runs folder has to be the same, under the same path, on all machines";
            return Err(wrong(reason.into()));
        }
        let batch = Batch::open(folder)?;
        if batch.code_version != VERSION {
            return Err(wrong(format!(
                "expected a batch of version {VERSION}, found one of version {}\nhint: submit it with the program that runs here",
                batch.code_version
            )));
        }
        let known = batch.jobs_of(folder, array);
        let found = batch.arrays.get(array).and_then(|array| Some((array, array.tasks.get(&task)?)));
        let (array, jobs) = found.ok_or_else(|| wrong(format!("array {array} has no task {task}")))?;
        let only = (array.kind != ClusterConfig::CHECK).then(|| jobs.iter().cloned().collect());
        let root =
            folder.parent().and_then(Path::parent).ok_or_else(|| wrong("not in a runs folder".into()))?;
        let resources = batch.run.cluster.resources(&array.kind);
        let jobs = known?;
        Ok(Self { folder: folder.to_owned(), runs: RunStore::new(root), only, resources, jobs, batch })
    }

    /// Returns the task's jobs; none for the preflight check.
    pub fn jobs(&self) -> Jobs {
        let mine = |job: &&Job| self.only.as_ref().is_some_and(|only| only.contains(&job.id));
        Jobs::new(self.jobs.iter().filter(mine).cloned().collect())
    }

    /// Returns the runs folder.
    pub fn runs(&self) -> &RunStore {
        &self.runs
    }

    /// Runs the task's jobs, or the preflight check.
    ///
    /// # Errors
    /// Those of the local engine, or the first failure of the preflight check.
    pub fn run(&self, device: Device, stop: &CancelToken, on_event: OnEvent<'_>) -> Result<Summary, Error> {
        let run = &self.batch.run;
        if self.resources.gpus.is_some_and(|gpus| gpus > 0) && device == Device::Cpu {
            let reason = "expected a GPU, since run.cluster requests one; found none that can be used here\nhint: `cargo xtask setup --cuda` installs the CUDA libraries";
            return Err(Error::Job(reason.into()));
        }
        let claims = Claims::new(run.lease(), &device_name(device));
        let mine = |id: &JobId| self.only.as_ref().is_none_or(|only| only.contains(id));
        let sources: BTreeSet<String> = self
            .jobs
            .iter()
            .filter(|job| mine(&job.id))
            .filter_map(|job| serde_json::to_string(&job.data).ok())
            .collect();
        let workers = run.workers.max(1);
        let threads = run.threads_each(self.resources.cpus.unwrap_or(1) as usize, workers);
        let catalog = Catalog::of(run, sources.len(), &self.batch.data_root, self.runs.root())
            .loading_on(run.loaders_each(device, threads))
            .stopped_by(stop.clone());
        catalog.start();
        let Some(only) = &self.only else {
            self.check(&claims, &catalog, stop)?;
            return Ok(Summary::default());
        };
        let engine = Local { workers, threads, devices: vec![device], only: Some(only.clone()) };
        let context = JobContext {
            jobs: &self.jobs,
            run,
            catalog: &catalog,
            runs: &self.runs,
            claims: &claims,
            stop: stop.clone(),
            device,
        };
        engine.run(&context, on_event)
    }

    /// Checks that the runs folder can be written, and that the data and the weights are there.
    fn check(&self, claims: &Claims, catalog: &Catalog, stop: &CancelToken) -> Result<(), Error> {
        // The check of a node that died has left its claim.
        let _claim = claims.wait_for(&self.folder.join("check"), stop)?;
        for job in self.jobs.iter().filter(|job| job.blocked.is_none()) {
            // A job on record needs no data.
            if self.runs.record(job)?.is_some() {
                continue;
            }
            catalog.open(&job.data).map_err(|why| Error::Job(format!("{}: {why}", job.label)))?;
            if let Some(path) = job.weights.as_ref().filter(|path| !path.exists()) {
                return Err(Error::File {
                    path: path.clone(),
                    reason: format!("expected the weights of {}, found no file", job.label),
                });
            }
        }
        self.batch.note_checked(&self.runs)
    }
}
