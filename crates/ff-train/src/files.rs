//! What a run leaves in its folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ff_checkpoint::{FileRef, Provenance, StateDict};
use ff_eval::{Predictions, Value};
use ff_models::Model;
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::Error;
use crate::evaluate::save_predictions;
use crate::history;
use crate::history::{Divergence, EpochRecord};
use crate::resume::{Best, Progress};
use crate::train::{Outcome, TrainData};

/// A model that a run left behind. Paths are relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedModel {
    /// The epoch it stands at the end of, or is captured in, from 1.
    pub epoch: u32,
    /// Steps done by then.
    pub step: usize,
    /// Its validation metric.
    pub validation: Value,
    /// Its weights.
    pub weights: FileRef,
    /// What it says of the validation images.
    pub predictions: FileRef,
    /// The optimizer's state then, if it was to be kept.
    pub optimizer: Option<FileRef>,
}

impl SavedModel {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        [Some(&self.weights), Some(&self.predictions), self.optimizer.as_ref()].into_iter().flatten()
    }
}

/// The files of a run.
pub(crate) struct Files<'a> {
    folder: &'a Path,
    provenance: Provenance,
    history: File,
}

impl<'a> Files<'a> {
    pub(crate) fn open(
        folder: &'a Path,
        provenance: Provenance,
        history: &[EpochRecord],
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(file_error(folder))?;
        let path = folder.join(history::FILE);
        let history_file = File::create(&path).map_err(file_error(&path))?;
        let mut files = Self { folder, provenance, history: history_file };
        history.iter().try_for_each(|record| files.append(record))?;
        Ok(files)
    }

    pub(crate) fn append(&mut self, record: &EpochRecord) -> Result<(), Error> {
        let path = self.folder.join(history::FILE);
        let line = serde_json::to_string(record)
            .map_err(|error| Error::File { path: path.clone(), reason: error.to_string() })?;
        writeln!(self.history, "{line}").map_err(file_error(&path))
    }

    /// Puts the model as it is among the captures, unless a run that was stopped right after has it there, and gives its
    /// predictions. One whose logits are not finite has diverged, which the losses of its epoch will say.
    pub(crate) fn capture(
        &self,
        snapshots: &mut Vec<SavedModel>,
        config: &TrainConfig,
        data: &TrainData,
        model: &Model,
        (epoch, step): (u32, usize),
    ) -> Result<Option<Predictions>, Error> {
        if snapshots.last().is_some_and(|last| last.step >= step) {
            return Ok(None);
        }
        let predictions = match data.validation.predict(model, None) {
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => return Ok(None),
            predictions => predictions?,
        };
        let best = Best {
            epoch,
            step,
            validation: config.metric.evaluate(&predictions),
            validation_loss: f64::NAN,
            weights: StateDict::from_tensors(model.state_dict()),
            optimizer: None,
            predictions,
        };
        snapshots.push(self.save(&format!("capture-{}", snapshots.len() + 1), &best)?);
        Ok(Some(best.predictions))
    }

    /// Writes the best epoch, if there is one, and says how the run ended.
    pub(crate) fn finish(&self, progress: Progress, diverged: Option<Divergence>) -> Result<Outcome, Error> {
        let Progress { history, snapshots, best, .. } = progress;
        let kept = best.map(|best| self.save("kept", &best)).transpose()?;
        Ok(Outcome { kept, snapshots, diverged, history })
    }

    fn save(&self, stem: &str, model: &Best) -> Result<SavedModel, Error> {
        let provenance = Some(&self.provenance);
        let write = |name: String, weights: &StateDict| {
            weights.save(&self.folder.join(&name), provenance)?;
            Ok::<_, Error>(FileRef::new(name, *weights.digest()))
        };
        let weights = write(format!("{stem}.safetensors"), &model.weights)?;
        let state = model.optimizer.as_ref();
        let optimizer =
            state.map(|state| write(format!("{stem}.optimizer.safetensors"), state)).transpose()?;
        // They say whose they are, so that whoever chooses among the weights need not predict again.
        let whose = model.weights.as_parent(&weights.path.display().to_string());
        let of_predictions =
            Provenance { kind: "predict".into(), parents: vec![whose], ..self.provenance.clone() };
        let name = format!("{stem}.val.safetensors");
        let digest = save_predictions(&self.folder.join(&name), &model.predictions, Some(&of_predictions))?;
        let predictions = FileRef::new(name, digest);
        let (epoch, step, validation) = (model.epoch, model.step, model.validation.clone());
        Ok(SavedModel { epoch, step, validation, weights, predictions, optimizer })
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path, reason: error.to_string() }
}
