//! What a finished job left, and where.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_checkpoint::{Digest, FileRef, StateDict, read_sealed, write_sealed};
use ff_eval::Score;
use ff_inmerge::KernelStats;
use ff_soup::Soup;
use ff_train::{Kept, Outcome};
use serde::{Deserialize, Serialize};

use crate::landscape::{PathRecord, PlaneRecord, SurfaceRecord, TryRecord};
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
    /// Threads that libtorch computed with: on the CPU, another number may round the last bits differently. 0 in records from
    /// before it was kept.
    #[serde(default)]
    pub threads: usize,
    /// What a reader must know of the data ([`Job::remarks`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
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
        file: FileRef,
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
    /// Where a plane lies.
    Plane(PlaneRecord),
    /// Errors on one row of a plane's grid, from left to right; none where the model gives no finite number.
    PlaneRow(Vec<Option<f64>>),
    /// The errors over a plane.
    Surface(SurfaceRecord),
    /// The errors between two models.
    Path(PathRecord),
    /// What a greedy soup tried.
    Tries(Vec<TryRecord>),
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
    /// Runs that diverged and whose models from before that are among the candidates, by label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diverged: Vec<String>,
    /// What the validation score leaves out or rests on, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Validation images that could not be read and were left out, by name.
    pub skipped: Vec<String>,
    /// The weights.
    pub weights: FileRef,
    /// What they say of the validation images.
    #[serde(default = "predictions")]
    pub predictions: FileRef,
    /// The weights' digest.
    pub digest: Digest,
}

/// The file of a soup's validation predictions in records from before it was named.
fn predictions() -> FileRef {
    FileRef { path: "soup.val.safetensors".into(), digest: None }
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
        if !path.exists() {
            return Ok(None);
        }
        let record = Record::read(&path)?;
        if record.id != job.id {
            let reason = format!("expected the record of job {}, found that of {}", job.id, record.id);
            return Err(Record::wrong(&path, reason));
        }
        Ok(record.serves(job).then_some(record))
    }

    /// Every record in the folder, of whatever table; what cannot be read is left out.
    pub fn all(&self) -> Vec<Record> {
        let folders = std::fs::read_dir(self.root.join("jobs")).into_iter().flatten().flatten();
        folders.filter_map(|folder| Record::read(&folder.path().join("record.json")).ok()).collect()
    }

    /// The record of a job that must be done.
    ///
    /// # Errors
    /// [`Error::Job`] if it is not.
    pub fn done(&self, job: &Job) -> Result<Record, Error> {
        self.record(job)?.ok_or_else(|| Error::Job(format!("job `{}` ({}) is not done", job.label, job.id)))
    }

    /// Opens weights or predictions that a job left.
    ///
    /// # Errors
    /// A file that is damaged, is not the one on record, or says nothing of how it came to be and so is none of ours.
    pub fn open(&self, job: &Job, file: &FileRef) -> Result<StateDict, Error> {
        let opened = file.open(&self.folder(job))?;
        opened.provenance()?;
        Ok(opened)
    }

    pub(crate) fn finish(&self, job: &Job, record: &Record) -> Result<(), Error> {
        Ok(write_sealed(&self.folder(job).join("record.json"), record)?)
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// One that cannot be read, is damaged, or names files outside its folder.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let record: Self = read_sealed(path).map_err(|error| match error {
            ff_checkpoint::Error::Json { reason, .. } => {
                Self::wrong(path, format!("damaged record: {reason}"))
            }
            ff_checkpoint::Error::Damaged { .. } => {
                Self::wrong(path, "damaged record: its content is not what was written".into())
            }
            other => other.into(),
        })?;
        let outside = |file: &&FileRef| {
            !matches!(file.path.components().collect::<Vec<_>>()[..], [Component::Normal(_)])
        };
        match record.files().into_iter().find(outside) {
            Some(file) => Err(Self::wrong(
                path,
                format!("expected names of files in the record's folder, found `{}`", file.path.display()),
            )),
            None => Ok(record),
        }
    }

    fn wrong(path: &Path, reason: String) -> Error {
        let hint = "hint: `ff-grid doctor --repair` sets it aside, and the job is run again";
        Error::File { path: path.to_owned(), reason: format!("{reason}\n{hint}") }
    }

    /// The files that the job left, relative to its folder.
    pub fn files(&self) -> Vec<&FileRef> {
        match &self.finished {
            Finished::Training(outcome) => {
                outcome.kept.iter().chain(&outcome.captures).flat_map(Kept::files).collect()
            }
            Finished::Soup(soup) => vec![&soup.weights, &soup.predictions],
            Finished::Predictions { file, .. } => vec![file],
            Finished::Score(_)
            | Finished::Diverged { .. }
            | Finished::Plane(_)
            | Finished::PlaneRow(_)
            | Finished::Surface(_)
            | Finished::Path(_)
            | Finished::Tries(_) => Vec::new(),
        }
    }

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
            Finished::Training(outcome) if outcome.diverged.is_some() && outcome.is_empty() => {
                Some(&self.label)
            }
            Finished::Diverged { run } => Some(run),
            _ => None,
        }
    }

    /// The weights of a soup, or those that a run kept; relative to the job's folder.
    ///
    /// # Errors
    /// [`Error::Job`] if there are none.
    pub fn weights(&self) -> Result<&FileRef, Error> {
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
