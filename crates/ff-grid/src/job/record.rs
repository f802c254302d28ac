//! What a finished job leaves.

use ff_checkpoint::{Digest, FileRef};
use ff_eval::Score;
use ff_inmerge::KernelStats;
use ff_soup::Soup;
use ff_train::{Outcome, SavedModel};
use serde::{Deserialize, Serialize};

use super::graph::{Cost, Job};
use super::id::JobId;
use super::landscape::{GreedyBarrier, PathRecord, PlaneRecord, SurfaceRecord};
use super::spec::JobSpec;
use crate::error::Error;

/// A job is done when its record says so. Paths in it are relative to the job's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The job's identity.
    pub id: JobId,
    /// What people call it.
    pub label: String,
    /// What was computed.
    #[serde(alias = "recipe")]
    pub spec: JobSpec,
    /// The jobs it was computed from.
    pub inputs: Vec<JobId>,
    /// What came out.
    #[serde(alias = "finished")]
    pub output: JobOutput,
    /// How alike the kernels of a trained model's convolutions are, layer by layer, in forward
    /// order; of its kept weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<LayerKernels>,
    /// What it cost.
    pub cost: Cost,
    /// Wall time.
    pub seconds: f64,
    /// The device it ran on.
    pub device: String,
    /// Threads that libtorch computed with: on the CPU, another number may round the last bits
    /// differently. 0 in records from before it was kept.
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
pub enum JobOutput {
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
    /// Errors on one row of a plane's grid, from left to right; none where the model gives no
    /// finite number.
    PlaneRow(Vec<Option<f64>>),
    /// The errors over a plane.
    Surface(SurfaceRecord),
    /// The errors between two models.
    Path(PathRecord),
    /// What a greedy soup tried.
    #[serde(alias = "tries")]
    GreedyBarriers(Vec<GreedyBarrier>),
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

impl Record {
    /// The files that the job left, relative to its folder.
    pub fn files(&self) -> Vec<&FileRef> {
        match &self.output {
            JobOutput::Training(outcome) => {
                outcome.kept.iter().chain(&outcome.snapshots).flat_map(SavedModel::files).collect()
            }
            JobOutput::Soup(soup) => vec![&soup.weights, &soup.predictions],
            JobOutput::Predictions { file, .. } => vec![file],
            JobOutput::Score(_)
            | JobOutput::Diverged { .. }
            | JobOutput::Plane(_)
            | JobOutput::PlaneRow(_)
            | JobOutput::Surface(_)
            | JobOutput::Path(_)
            | JobOutput::GreedyBarriers(_) => Vec::new(),
        }
    }

    /// Whether what was left is all that the job asks for. A run whose optimizer state is wanted
    /// now, and was not kept then, has to be run again; its weights come out the same.
    pub(crate) fn serves(&self, job: &Job) -> bool {
        match (&self.output, job.spec.training()) {
            (JobOutput::Training(Outcome { kept: Some(kept), .. }), Some(wanted)) => {
                !wanted.train.keep_optimizer || kept.optimizer.is_some()
            }
            _ => true,
        }
    }

    /// The outcome of a run of training.
    pub fn training(&self) -> Result<&Outcome, Error> {
        match &self.output {
            JobOutput::Training(outcome) => Ok(outcome),
            _ => Err(self.not("a run of training")),
        }
    }

    /// The choice of a soup.
    pub fn soup(&self) -> Result<&SoupRecord, Error> {
        match &self.output {
            JobOutput::Soup(soup) => Ok(soup),
            _ => Err(self.not("a soup")),
        }
    }

    /// The run that diverged, by label, if nothing came out because of it.
    pub fn diverged(&self) -> Option<&str> {
        match &self.output {
            JobOutput::Training(outcome) if outcome.diverged.is_some() && outcome.is_empty() => {
                Some(&self.label)
            }
            JobOutput::Diverged { run } => Some(run),
            _ => None,
        }
    }

    /// The weights of a soup, or those that a run kept; relative to the job's folder.
    ///
    /// # Errors
    /// [`Error::Job`] if there are none.
    pub fn weights(&self) -> Result<&FileRef, Error> {
        match &self.output {
            JobOutput::Soup(soup) => Ok(&soup.weights),
            JobOutput::Training(Outcome { kept: Some(kept), .. }) => Ok(&kept.weights),
            _ => Err(self.not("a model")),
        }
    }

    /// The score of an evaluation.
    pub fn score(&self) -> Result<&Score, Error> {
        match &self.output {
            JobOutput::Score(score) => Ok(score),
            _ => Err(self.not("an evaluation")),
        }
    }

    pub(crate) fn not(&self, expected: &str) -> Error {
        Error::Job(format!("job `{}` ({}) is not {expected}", self.label, self.id))
    }
}
