//! A point to go on from: one file, whole or not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::{OwnedTensor, Provenance, StateDict};
use ff_eval::{Predictions, Value};
use serde::{Deserialize, Serialize};

use crate::evaluate::{prediction_tensors, predictions_from};
use crate::files::Kept;
use crate::{EpochRecord, Error, Optimizer};

/// Everything a run remembers between epochs, apart from the model and the optimizer.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    pub history: Vec<EpochRecord>,
    pub captures: Vec<Kept>,
    pub best: Option<Best>,
}

/// The best epoch so far.
#[derive(Clone)]
pub(crate) struct Best {
    pub epoch: u32,
    pub step: usize,
    pub validation: Value,
    pub validation_loss: f64,
    pub weights: StateDict,
    pub optimizer: Option<StateDict>,
    pub predictions: Predictions,
}

/// The part of a resume point that is not tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    run: Provenance,
    history: Vec<EpochRecord>,
    captures: Vec<Kept>,
    best: Option<BestNotes>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestNotes {
    epoch: u32,
    step: usize,
    validation: Value,
    validation_loss: f64,
}

const FILE: &str = "resume.safetensors";
const KIND: &str = "resume";

/// Where a run's resume point lies.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Writes a resume point over the one before.
pub(crate) fn save(
    folder: &Path,
    run: &Provenance,
    progress: &Progress,
    model: BTreeMap<String, OwnedTensor>,
    optimizer: &Optimizer,
) -> Result<(), Error> {
    let mut tensors = BTreeMap::new();
    let mut add = |prefix: &str, part: BTreeMap<String, OwnedTensor>| {
        tensors.extend(part.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    };
    add("model/", model);
    add("optimizer/", optimizer.state());
    if let Some(best) = &progress.best {
        add("best/", owned(&best.weights));
        add("best-optimizer/", best.optimizer.as_ref().map(owned).unwrap_or_default());
        let predictions = prediction_tensors(&best.predictions);
        add("best-predictions/", predictions.into_iter().map(|(name, t)| (name.to_owned(), t)).collect());
    }
    let notes = Notes {
        run: run.clone(),
        history: progress.history.clone(),
        captures: progress.captures.clone(),
        best: progress.best.as_ref().map(|best| BestNotes {
            epoch: best.epoch,
            step: best.step,
            validation: best.validation.clone(),
            validation_loss: best.validation_loss,
        }),
    };
    let recipe = serde_json::to_value(notes)
        .map_err(|error| Error::File { path: path(folder), reason: error.to_string() })?;
    let provenance = Provenance { kind: KIND.into(), recipe, ..run.clone() };
    Ok(StateDict::from_tensors(tensors).save(&path(folder), Some(&provenance))?)
}

/// The resume point in a folder, if there is one: what was remembered, the model's weights, and the file that
/// holds the optimizer's state under `optimizer/`.
///
/// # Errors
/// [`Error::Resume`] if it belongs to another run; a damaged file is an error too.
pub(crate) fn load(
    folder: &Path,
    run: &Provenance,
) -> Result<Option<(Progress, StateDict, StateDict)>, Error> {
    let path = path(folder);
    if !path.exists() {
        return Ok(None);
    }
    let file = StateDict::open(&path)?;
    let wrong = |reason: String| Error::Resume { path: path.clone(), reason };
    let provenance = file.provenance()?;
    if provenance.kind != KIND {
        return Err(wrong(format!("it is a `{}`", provenance.kind)));
    }
    let notes: Notes =
        serde_json::from_value(provenance.recipe.clone()).map_err(|error| wrong(error.to_string()))?;
    if !same_run(&notes.run, run) {
        return Err(wrong("its recipe, data or starting weights are not this run's".into()));
    }
    let best = notes.best.map(|best| -> Result<Best, Error> {
        let optimizer = part(&file, "best-optimizer/");
        Ok(Best {
            epoch: best.epoch,
            step: best.step,
            validation: best.validation,
            validation_loss: best.validation_loss,
            weights: part(&file, "best/"),
            optimizer: (!optimizer.is_empty()).then_some(optimizer),
            predictions: predictions_from(&file, "best-predictions/").map_err(wrong)?,
        })
    });
    let progress = Progress { history: notes.history, captures: notes.captures, best: best.transpose()? };
    Ok(Some((progress, part(&file, "model/"), file)))
}

/// Whether two runs compute the same: names and paths do not count, contents do.
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
