//! Resume points of a run.
//!
//! A resume point is one file with the model, the optimizer, the moving average of the weights, the
//! best epoch so far, the history and the place inside the epoch, so that its parts always belong
//! together. One is written after the first step that ends `run.resume_minutes` after the last
//! point, or every `run.resume_steps` steps. Losses are read back from the device then and at the
//! end of an epoch, and at no other step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::{OwnedTensor, Provenance, StateDict, entries};
use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateNotes};
use crate::ema::MovingAverage;
use crate::error::Error;
use crate::history::EpochRecord;
use crate::optimizer::Optimizer;
use crate::prediction_file::{prediction_tensors, predictions_from};
use crate::progress::{PartOfEpoch, Progress};
use crate::saved_model::SavedModel;

/// A resume point read from its file.
pub(crate) struct ResumePoint {
    pub progress: Progress,
    /// The model's weights.
    pub weights: StateDict,
    /// The whole file.
    file: StateDict,
}

impl ResumePoint {
    /// Loads the point's state into an optimizer.
    pub(crate) fn restore(&self, optimizer: &mut Optimizer) -> Result<(), Error> {
        optimizer.load_state(&self.file, OPTIMIZER)
    }

    /// Loads the point's state into a moving average.
    pub(crate) fn restore_average(&self, average: &mut MovingAverage) -> Result<(), Error> {
        average.load_state(&self.file, AVERAGE).ok_or_else(|| Error::Resume {
            path: self.file.path().map(Into::into).unwrap_or_default(),
            reason: "it has no moving average of this model's weights".into(),
        })
    }
}

/// The part of a resume point that is not tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    run: Provenance,
    history: Vec<EpochRecord>,
    #[serde(alias = "captures")]
    snapshots: Vec<SavedModel>,
    best: Option<CandidateNotes>,
    epoch: PartOfEpoch,
}

const KIND: &str = "resume";
const MODEL: &str = "model/";
const OPTIMIZER: &str = "optimizer/";
const AVERAGE: &str = "average/";
const BEST: &str = "best/";
const BEST_OPTIMIZER: &str = "best-optimizer/";
const BEST_PREDICTIONS: &str = "best-predictions/";
/// Number of resume points kept. If the newest is damaged, the one before it is used.
const KEEP: usize = 2;

/// Returns whether a file is named as a resume point.
pub(crate) fn is_point(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("resume-") && name.ends_with(".safetensors"))
}

/// Returns the resume points of a run's folder, newest first.
fn points(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(folder)?.into_iter().filter(|path| is_point(path)).rev().collect())
}

/// Removes all resume points of a folder except the newest `keep`.
pub(crate) fn forget(folder: &Path, keep: usize) -> Result<(), Error> {
    for path in points(folder)?.into_iter().skip(keep) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path, reason: error.to_string() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes the resume point of a step, and removes those that are too old.
pub(crate) fn save(
    folder: &Path,
    run: &Provenance,
    step: usize,
    progress: &Progress,
    weights: BTreeMap<String, OwnedTensor>,
    optimizer: &Optimizer,
    average: Option<&MovingAverage>,
) -> Result<(), Error> {
    let mut tensors = BTreeMap::new();
    let mut add = |prefix: &str, part: BTreeMap<String, OwnedTensor>| {
        tensors.extend(part.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    };
    add(MODEL, weights);
    add(OPTIMIZER, optimizer.state());
    add(AVERAGE, average.map(MovingAverage::state).unwrap_or_default());
    if let Some(best) = &progress.best {
        add(BEST, owned(&best.weights));
        add(BEST_OPTIMIZER, best.optimizer.as_ref().map(owned).unwrap_or_default());
        let predictions = prediction_tensors(&best.predictions);
        add(BEST_PREDICTIONS, predictions.into_iter().map(|(name, t)| (name.to_owned(), t)).collect());
    }
    let notes = Notes {
        run: run.clone(),
        history: progress.history.clone(),
        snapshots: progress.snapshots.clone(),
        best: progress.best.as_ref().map(|best| best.notes.clone()),
        epoch: progress.epoch.clone(),
    };
    // Ten digits make names sort by step.
    let path = folder.join(format!("resume-{step:010}.safetensors"));
    let recipe = serde_json::to_value(notes)
        .map_err(|error| Error::File { path: path.clone(), reason: error.to_string() })?;
    let provenance = Provenance { kind: KIND.into(), recipe, ..run.clone() };
    StateDict::from_tensors(tensors).save(&path, Some(&provenance))?;
    forget(folder, KEEP)
}

/// Reads the newest resume point in a folder that is intact, if there is one. Damaged ones are
/// skipped with a warning.
///
/// # Errors
/// [`Error::Resume`] if it belongs to another run; files that cannot be read.
pub(crate) fn load(folder: &Path, run: &Provenance) -> Result<Option<ResumePoint>, Error> {
    for path in points(folder)? {
        match StateDict::open(&path) {
            Ok(file) => return read(file, &path, run).map(Some),
            Err(error @ ff_checkpoint::Error::Io { .. }) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "skipping a damaged resume point"),
        }
    }
    Ok(None)
}

fn read(file: StateDict, path: &Path, run: &Provenance) -> Result<ResumePoint, Error> {
    let wrong = |reason: String| Error::Resume { path: path.to_owned(), reason };
    let provenance = file.provenance()?;
    if provenance.kind != KIND {
        return Err(wrong(format!("expected kind `{KIND}`, found `{}`", provenance.kind)));
    }
    let notes: Notes =
        serde_json::from_value(provenance.recipe.clone()).map_err(|error| wrong(error.to_string()))?;
    if !same_run(&notes.run, run) {
        return Err(wrong("its recipe, data or initial weights differ from this run's".into()));
    }
    let best = notes.best.map(|notes| -> Result<Candidate, Error> {
        let optimizer = part(&file, BEST_OPTIMIZER);
        Ok(Candidate {
            notes,
            weights: part(&file, BEST),
            optimizer: (!optimizer.is_empty()).then_some(optimizer),
            predictions: predictions_from(&file, BEST_PREDICTIONS).map_err(wrong)?,
        })
    });
    let progress = Progress {
        history: notes.history,
        snapshots: notes.snapshots,
        best: best.transpose()?,
        epoch: notes.epoch,
    };
    Ok(ResumePoint { progress, weights: part(&file, MODEL), file })
}

/// Returns whether two runs compute the same. Contents count, names and paths do not.
fn same_run(a: &Provenance, b: &Provenance) -> bool {
    let parents = |run: &Provenance| run.parents.iter().map(|parent| parent.digest).collect::<Vec<_>>();
    a.kind == b.kind && a.recipe == b.recipe && a.data == b.data && parents(a) == parents(b)
}

fn part(file: &StateDict, prefix: &str) -> StateDict {
    let tensors =
        file.iter().filter_map(|(name, t)| Some((name.strip_prefix(prefix)?.to_owned(), t.to_owned())));
    StateDict::from_tensors(tensors.collect())
}

fn owned(weights: &StateDict) -> BTreeMap<String, OwnedTensor> {
    weights.iter().map(|(name, tensor)| (name.to_owned(), tensor.to_owned())).collect()
}
