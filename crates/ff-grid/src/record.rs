//! What a finished job left, and where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_checkpoint::{Digest, write_json};
use ff_eval::Score;
use ff_inmerge::KernelStats;
use ff_soup::Soup;
use ff_train::Outcome;
use serde::{Deserialize, Serialize};

use crate::{Cost, Error, Job, Recipe};

/// A job is done when its record says so. Paths in it are relative to the job's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The job's identity.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// What was computed.
    pub recipe: Recipe,
    /// The jobs it was computed from.
    pub inputs: Vec<String>,
    /// What came out.
    pub finished: Finished,
    /// How alike the kernels of a trained model's convolutions are, layer by layer, in forward order; of its kept weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<LayerKernels>,
    /// What it cost.
    pub cost: Cost,
    /// Wall time.
    pub seconds: f64,
    /// The device it ran on.
    pub device: String,
    /// Version of the software.
    pub code_version: String,
}

/// The kernels of one convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerKernels {
    /// The convolution, counted from 1 in forward order.
    pub layer: usize,
    /// Its weight's name.
    pub name: String,
    /// What there is to say of them.
    pub stats: KernelStats,
}

/// What came out of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finished {
    /// Trained models, or where training diverged.
    Training(Outcome),
    /// A choice among models.
    Soup(SoupRecord),
    /// Predictions.
    Predictions {
        /// The file.
        file: PathBuf,
        /// Rows in it.
        samples: usize,
        /// Images that could not be read and were left out, by name.
        skipped: Vec<String>,
    },
    /// A score.
    Score(Score),
    /// Nothing: the run that was to be predicted or scored diverged.
    Diverged {
        /// The run, by label.
        run: String,
    },
}

/// A choice among models: which, why, and the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupRecord {
    /// What was chosen, and every decision on the way.
    pub soup: Soup,
    /// Models it was chosen from.
    pub candidates: usize,
    /// Runs that were left out since they diverged, by label.
    pub left_out: Vec<String>,
    /// Validation images that could not be read and were left out, by name.
    pub skipped: Vec<String>,
    /// The weights.
    pub weights: PathBuf,
    /// Their digest.
    pub digest: Digest,
}

/// The folder that jobs and tables lie in.
#[derive(Clone, Debug)]
pub struct Runs {
    root: PathBuf,
    /// What is wrong with records that were passed over, if they are to be.
    passed_over: Option<Arc<Mutex<BTreeSet<String>>>>,
}

impl Runs {
    /// The runs folder at `root`; nothing is made yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), passed_over: None }
    }

    /// The same, for reports: a record that cannot be read counts as not there, and [`Runs::passed_over`] says so.
    pub fn lenient(root: &Path) -> Self {
        Self { root: root.to_owned(), passed_over: Some(Arc::default()) }
    }

    /// What is wrong with the records that were passed over so far, a sentence each.
    pub fn passed_over(&self) -> Vec<String> {
        let found =
            self.passed_over.iter().map(|found| found.lock().expect("no panic while inserting").clone());
        found.flatten().collect()
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A job's folder.
    pub fn folder(&self, job: &Job) -> PathBuf {
        self.root.join("jobs").join(job.folder())
    }

    /// The record of a job, if it is done.
    ///
    /// # Errors
    /// A record that cannot be read, or is another job's.
    pub fn record(&self, job: &Job) -> Result<Option<Record>, Error> {
        match (self.read(job), &self.passed_over) {
            (Err(error), Some(found)) => {
                found.lock().expect("no panic while inserting").insert(error.to_string());
                Ok(None)
            }
            (read, _) => read,
        }
    }

    fn read(&self, job: &Job) -> Result<Option<Record>, Error> {
        let path = self.folder(job).join("record.json");
        let wrong = |reason: String| Error::File {
            path: path.clone(),
            reason: format!("{reason}\nhint: remove this file to run the job again"),
        };
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| wrong(error.to_string()))?,
        };
        let record: Record =
            serde_json::from_str(&text).map_err(|error| wrong(format!("damaged record: {error}")))?;
        if record.id != job.id {
            return Err(wrong(format!("expected the record of job {}, found that of {}", job.id, record.id)));
        }
        Ok(record.serves(job).then_some(record))
    }

    /// Every record in the folder, of whatever table; what cannot be read is left out.
    pub fn all(&self) -> Vec<Record> {
        let folders = std::fs::read_dir(self.root.join("jobs")).into_iter().flatten().flatten();
        let record = |folder: std::fs::DirEntry| {
            let text = std::fs::read_to_string(folder.path().join("record.json")).ok()?;
            serde_json::from_str(&text).ok()
        };
        folders.filter_map(record).collect()
    }

    /// The record of a job that must be done.
    ///
    /// # Errors
    /// [`Error::Job`] if it is not.
    pub fn done(&self, job: &Job) -> Result<Record, Error> {
        self.record(job)?.ok_or_else(|| Error::Job(format!("job `{}` ({}) is not done", job.label, job.id)))
    }

    pub(crate) fn finish(&self, job: &Job, record: &Record) -> Result<(), Error> {
        Ok(write_json(&self.folder(job).join("record.json"), record)?)
    }
}

impl Record {
    /// Whether what was left is all that the job asks for. A run whose optimizer state is wanted now, and was
    /// not kept then, has to be run again; its weights come out the same.
    fn serves(&self, job: &Job) -> bool {
        match (&self.finished, job.recipe.training()) {
            (Finished::Training(Outcome { kept: Some(kept), .. }), Some(wanted)) => {
                !wanted.train.keep_optimizer || kept.optimizer.is_some()
            }
            _ => true,
        }
    }

    /// The outcome of a run of training.
    pub fn training(&self) -> Result<&Outcome, Error> {
        match &self.finished {
            Finished::Training(outcome) => Ok(outcome),
            _ => Err(self.not("a run of training")),
        }
    }

    /// The choice of a soup.
    pub fn soup(&self) -> Result<&SoupRecord, Error> {
        match &self.finished {
            Finished::Soup(soup) => Ok(soup),
            _ => Err(self.not("a soup")),
        }
    }

    /// The run that diverged, by label, if nothing came out because of it.
    pub fn diverged(&self) -> Option<&str> {
        match &self.finished {
            Finished::Training(Outcome { diverged: Some(_), .. }) => Some(&self.label),
            Finished::Diverged { run } => Some(run),
            _ => None,
        }
    }

    /// The weights of a soup, or those that a run kept; relative to the job's folder.
    ///
    /// # Errors
    /// [`Error::Job`] if there are none.
    pub fn weights(&self) -> Result<&Path, Error> {
        match &self.finished {
            Finished::Soup(soup) => Ok(&soup.weights),
            Finished::Training(Outcome { kept: Some(kept), .. }) => Ok(&kept.weights),
            _ => Err(self.not("a model")),
        }
    }

    /// The score of an evaluation.
    pub fn score(&self) -> Result<&Score, Error> {
        match &self.finished {
            Finished::Score(score) => Ok(score),
            _ => Err(self.not("an evaluation")),
        }
    }

    pub(crate) fn not(&self, expected: &str) -> Error {
        Error::Job(format!("job `{}` ({}) is not {expected}", self.label, self.id))
    }
}
