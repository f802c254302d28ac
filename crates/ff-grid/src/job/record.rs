//! The record of a finished job.

use std::path::PathBuf;

use ff_checkpoint::{Digest, FileRef};
use ff_eval::{Chance, Score};
use ff_inmerge::KernelStats;
use ff_soup::Soup;
use ff_train::{Outcome, SavedModel};
use serde::{Deserialize, Serialize};

use super::cross_fit::{CrossFit, VerdictRecord};
use super::forecast::ForecastRecord;
use super::graph::{Cost, Job, usual_folder};
use super::id::JobId;
use super::landscape::{GreedyBarrier, PathRecord, PlaneRecord, SurfaceRecord};
use super::spec::JobSpec;
use crate::error::Error;

/// The record of a finished job (`record.json`). A job is done when its record exists.
///
/// Paths in it are relative to the job's folder. Names of older versions are read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The job's identity.
    pub id: JobId,
    /// Name for people.
    pub label: String,
    /// The specification of the job.
    #[serde(alias = "recipe")]
    pub spec: JobSpec,
    /// The jobs whose results it used.
    pub inputs: Vec<JobId>,
    /// The result.
    #[serde(alias = "finished")]
    pub output: JobOutput,
    /// For a training run, the similarity of the kernels of each convolution of the saved model, in
    /// forward order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<LayerKernels>,
    /// The cost.
    pub cost: Cost,
    /// Wall time in seconds. For training, epochs before an interruption are included.
    pub seconds: f64,
    /// The device it ran on.
    pub device: String,
    /// Threads that libtorch computed with. On the CPU, another number may change the last bits. 0
    /// in old records.
    #[serde(default)]
    pub threads: usize,
    /// Notes on the data ([`Job::remarks`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Version of the software.
    pub code_version: String,
}

/// Statistics of the kernels of one convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerKernels {
    /// The convolution, counted from 1 in forward order.
    pub layer: usize,
    /// Its weight's name.
    pub name: String,
    /// The statistics.
    pub stats: KernelStats,
}

/// The result of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobOutput {
    /// Trained models, and where training diverged.
    Training(Outcome),
    /// A soup, a single model or an ensemble.
    Soup(SoupRecord),
    /// Predictions.
    Predictions {
        /// The file.
        file: FileRef,
        /// Rows in the file.
        samples: usize,
        /// Images that could not be read and were left out, by name.
        skipped: Vec<String>,
    },
    /// A score.
    Score(Score),
    /// No result, since a run that the job needs diverged without a saved model.
    Diverged {
        /// The run, by label.
        run: String,
    },
    /// What validation says of a column.
    Verdict(VerdictRecord),
    /// The plane through three models.
    Plane(PlaneRecord),
    /// Errors on one row of a plane's grid, from left to right. `None`: an output is not finite, or
    /// the metric is undefined.
    PlaneRow(Vec<Option<f64>>),
    /// The errors over a plane.
    Surface(SurfaceRecord),
    /// The errors between two models.
    Path(PathRecord),
    /// The barriers to the candidates of a greedy soup.
    #[serde(alias = "tries")]
    GreedyBarriers(Vec<GreedyBarrier>),
    /// Which models of a pool average.
    Forecast(ForecastRecord),
}

/// The record of a soup, a single model or an ensemble: the decisions, and the weights if there are
/// any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupRecord {
    /// The selection, with every decision.
    pub soup: Soup,
    /// Number of models that it was selected from.
    pub candidates: usize,
    /// Diverged runs whose models were left out, by label.
    pub left_out: Vec<String>,
    /// Diverged runs whose models from before the divergence are candidates, by label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diverged: Vec<String>,
    /// Models that the pool's filter left out, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filtered: Vec<String>,
    /// Notes on the validation score, such as classes with few images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Validation images that could not be read and were left out, by name.
    pub skipped: Vec<String>,
    /// The weights; `None` for an ensemble, whose models predict one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<FileRef>,
    /// Statistics of the models, in order, for a method that needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<FileRef>,
    /// The table's metric on validation, if the scores that chose are of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Chance by the table's metric on validation, and whether the model tells the images apart; unknown
    /// in records of older versions.
    #[serde(default, skip_serializing_if = "Chance::is_unknown")]
    pub chance: Chance,
    /// Validation images of each class, or positive ones of each task, if the table's metric is a
    /// mean over these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<u64>,
    /// The cross-fitted choice; absent if it was not asked for, and in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_fitted: Option<CrossFit>,
    /// Predictions on the validation images.
    #[serde(default = "predictions")]
    pub predictions: FileRef,
    /// The weights' digest; for an ensemble, that of its predictions.
    pub digest: Digest,
}

impl SoupRecord {
    /// Returns the table's metric on validation.
    pub fn validation(&self) -> f64 {
        self.validation.unwrap_or(self.soup.score)
    }

    /// Returns the table's metric of the cross-fitted choice, if there is one.
    pub fn cross_fitted(&self) -> Option<f64> {
        self.cross_fitted.as_ref()?.score.value()
    }

    /// Returns the place of the row that is worth most: by the cross-fitted scores, if every row has
    /// one, else by those on validation, since the two are not on one scale. Of equal rows the last
    /// counts. Where rows are cross-fitted, those whose pool was filtered by all validation images
    /// count only if all are. A model that tells no validation images apart never counts.
    pub fn most_worth(rows: &[&Self]) -> Option<usize> {
        let asked = rows.iter().any(|row| row.cross_fitted.is_some());
        let behind = |row: &Self| asked && !row.filtered.is_empty();
        let mut ahead: Vec<usize> = (0..rows.len()).filter(|&at| !rows[at].chance.collapsed).collect();
        if !ahead.iter().all(|&at| behind(rows[at])) {
            ahead.retain(|&at| !behind(rows[at]));
        }
        let cross_fitted = ahead.iter().all(|&at| rows[at].cross_fitted().is_some());
        let score = |at: usize| match cross_fitted {
            true => rows[at].cross_fitted().unwrap_or(f64::NEG_INFINITY),
            false => rows[at].validation(),
        };
        ahead.into_iter().max_by(|&a, &b| score(a).total_cmp(&score(b)))
    }

    /// Returns the predictions of each validation image by what is chosen without it.
    pub fn cross_fitted_predictions(&self) -> Option<&FileRef> {
        let of = self.cross_fitted.as_ref().filter(|of| of.score.value().is_some())?;
        Some(of.predictions.as_ref().unwrap_or(&self.predictions))
    }
}

/// Returns the file of a soup's validation predictions for old records, which do not name it.
fn predictions() -> FileRef {
    FileRef { path: "soup.val.safetensors".into(), digest: None }
}

impl Record {
    /// Returns the files that the job wrote, relative to its folder.
    pub fn files(&self) -> Vec<&FileRef> {
        match &self.output {
            JobOutput::Training(outcome) => outcome.models().flat_map(SavedModel::files).collect(),
            JobOutput::Soup(soup) => {
                let cross_fitted = soup.cross_fitted.iter().flat_map(|of| &of.predictions);
                let predictions = std::iter::once(&soup.predictions).chain(cross_fitted);
                soup.weights.iter().chain(predictions).chain(&soup.statistics).collect()
            }
            JobOutput::Predictions { file, .. } => vec![file],
            JobOutput::Score(_)
            | JobOutput::Diverged { .. }
            | JobOutput::Verdict(_)
            | JobOutput::Plane(_)
            | JobOutput::PlaneRow(_)
            | JobOutput::Surface(_)
            | JobOutput::Path(_)
            | JobOutput::GreedyBarriers(_)
            | JobOutput::Forecast(_) => Vec::new(),
        }
    }

    /// Returns the folder of a job of a table, below the runs folder.
    pub(crate) fn usual_folder(&self) -> PathBuf {
        usual_folder(&self.spec, &self.id)
    }

    /// Returns true if the result has all that the job asks for. A run that did not save the
    /// optimizer state which is needed now has to run again, and so has a soup that was not
    /// cross-fitted in these folds; the weights are the same.
    pub(crate) fn serves(&self, job: &Job) -> bool {
        if let (JobSpec::Soup(made), JobSpec::Soup(wanted)) = (&self.spec, &job.spec)
            && wanted.folds.is_some()
            && made.folds != wanted.folds
        {
            return false;
        }
        match (&self.output, job.spec.training()) {
            (JobOutput::Training(Outcome { kept: Some(kept), .. }), Some(wanted)) => {
                !wanted.train.keep_optimizer || kept.optimizer.is_some()
            }
            _ => true,
        }
    }

    /// Returns the outcome of a training run.
    pub fn training(&self) -> Result<&Outcome, Error> {
        match &self.output {
            JobOutput::Training(outcome) => Ok(outcome),
            _ => Err(self.not("a training run")),
        }
    }

    /// Returns the record of a soup.
    pub fn soup(&self) -> Result<&SoupRecord, Error> {
        match &self.output {
            JobOutput::Soup(soup) => Ok(soup),
            _ => Err(self.not("a soup")),
        }
    }

    /// Returns the record of a forecast.
    pub fn forecast(&self) -> Result<&ForecastRecord, Error> {
        match &self.output {
            JobOutput::Forecast(forecast) => Ok(forecast),
            _ => Err(self.not("a forecast")),
        }
    }

    /// Returns the label of the run whose divergence left no result, if there is one.
    pub fn diverged(&self) -> Option<&str> {
        match &self.output {
            JobOutput::Training(outcome) if outcome.diverged.is_some() && outcome.is_empty() => {
                Some(&self.label)
            }
            JobOutput::Diverged { run } => Some(run),
            _ => None,
        }
    }

    /// Returns the file of weights of a soup or a run, relative to the job's folder.
    ///
    /// # Errors
    /// [`Error::Job`] if the job wrote none, as for an ensemble.
    pub fn weights(&self) -> Result<&FileRef, Error> {
        match &self.output {
            JobOutput::Soup(soup) => soup.weights.as_ref().ok_or_else(|| {
                let reason =
                    "is an ensemble: its models predict one by one, and it has no weights of its own";
                Error::Job(format!("job `{}` ({}) {reason}", self.label, self.id))
            }),
            JobOutput::Training(Outcome { kept: Some(kept), .. }) => Ok(&kept.weights),
            _ => Err(Error::Job(format!("job `{}` ({}) saved no model", self.label, self.id))),
        }
    }

    /// Returns the score of an evaluation.
    pub fn score(&self) -> Result<&Score, Error> {
        match &self.output {
            JobOutput::Score(score) => Ok(score),
            _ => Err(self.not("an evaluation")),
        }
    }

    /// Makes the error that the job is not what is expected.
    pub(crate) fn not(&self, expected: &str) -> Error {
        Error::Job(format!("job `{}` ({}) is not {expected}", self.label, self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of a soup of one model.
    const SOUP: &str = r#"{"soup":{"average":{"ingredient":"a"},"score":0.5,"decisions":[]},"candidates":1,"left_out":[],"skipped":[],WEIGHTS"predictions":{"path":"soup.val.safetensors"},"digest":"DIGEST"}"#;

    fn soup(weights: &str) -> String {
        SOUP.replace("WEIGHTS", weights).replace("DIGEST", &"0".repeat(64))
    }

    #[test]
    fn filtered_models_are_on_record() {
        let filtered = r#""left_out":[],"filtered":["b: distance 3.410 above 1.5"],"#;
        let text = soup("").replace(r#""left_out":[],"#, filtered);
        let record: SoupRecord = serde_json::from_str(&text).unwrap();
        assert_eq!((record.filtered.len(), serde_json::to_string(&record).unwrap()), (1, text));
    }

    #[test]
    fn rows_are_compared_on_one_scale() {
        let row = |validation: f64, cross_fitted: Option<f64>, filtered: bool| {
            let mut row: SoupRecord = serde_json::from_str(&soup("")).unwrap();
            row.validation = Some(validation);
            let of = |score| CrossFit { folds: 3, ..CrossFit::of_no_choice(score) };
            row.cross_fitted = cross_fitted.map(of);
            row.filtered = if filtered { vec!["x: distance".to_owned()] } else { vec![] };
            row
        };
        let most = |rows: &[SoupRecord]| SoupRecord::most_worth(&rows.iter().collect::<Vec<_>>());
        let optimistic = row(0.9, Some(0.6), false);
        assert_eq!(most(&[optimistic.clone(), row(0.8, Some(0.7), false)]), Some(1));
        // One could not be cross-fitted: all by their validation scores.
        assert_eq!(most(&[optimistic.clone(), row(0.8, None, false)]), Some(0));
        // A filtered row counts without folds only, or among its like.
        assert_eq!(most(&[optimistic.clone(), row(0.95, None, true)]), Some(0));
        assert_eq!(most(&[optimistic.clone(), row(0.8, None, false), row(0.95, None, true)]), Some(0));
        assert_eq!(most(&[row(0.9, None, false), row(0.95, None, true)]), Some(1));
        assert_eq!(most(&[row(0.9, None, false), row(0.9, None, false)]), Some(1));
        assert_eq!(most(&[]), None);
        // One that predicts one class never counts, whatever its score.
        let mut collapsed = row(0.9, None, false);
        collapsed.chance.collapsed = true;
        assert_eq!(most(&[collapsed.clone(), row(0.8, None, false)]), Some(1));
        assert_eq!(most(&[collapsed.clone(), row(0.8, None, true)]), Some(1));
        assert_eq!(most(&[collapsed.clone(), collapsed]), None);
    }

    #[test]
    fn soups_have_weights_and_ensembles_have_none() {
        for (weights, path) in
            [(r#""weights":{"path":"soup.safetensors"},"#, Some("soup.safetensors")), ("", None)]
        {
            let text = soup(weights);
            let record: SoupRecord = serde_json::from_str(&text).unwrap();
            let found = record.weights.as_ref().map(|file| file.path.to_str().unwrap());
            assert_eq!((found, serde_json::to_string(&record).unwrap()), (path, text));
        }
        let old: SoupRecord = serde_json::from_str(&soup(r#""weights":"soup.safetensors","#)).unwrap();
        assert_eq!(old.weights.unwrap().path.to_str(), Some("soup.safetensors"));
    }
}
