//! What a run leaves in its folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use ff_checkpoint::{Parent, Provenance, StateDict};
use ff_eval::{Predictions, Value};
use ff_models::Model;
use serde::{Deserialize, Serialize};

use crate::evaluate::save_predictions;
use crate::{EpochRecord, Error, TrainConfig, TrainData, history};

/// A model that a run left behind. Paths are relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The epoch it stands at the end of, or is captured in, from 1.
    pub epoch: u32,
    /// Steps done by then.
    pub step: usize,
    /// Its validation metric.
    pub validation: Value,
    /// Its weights.
    pub weights: PathBuf,
    /// What it says of the validation images.
    pub predictions: PathBuf,
    /// The optimizer's state then, if it was to be kept.
    pub optimizer: Option<PathBuf>,
}

impl Kept {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [Some(&self.weights), Some(&self.predictions), self.optimizer.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path)
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

    /// Puts the model as it is among the captures, unless a run that was stopped right after has it there. One whose logits
    /// are not finite has diverged, which the losses of its epoch will say.
    pub(crate) fn capture(
        &self,
        captures: &mut Vec<Kept>,
        config: &TrainConfig,
        data: &TrainData,
        model: &Model,
        (epoch, step): (u32, usize),
    ) -> Result<(), Error> {
        if captures.last().is_some_and(|last| last.step >= step) {
            return Ok(());
        }
        let predictions = match data.validation.predict(model, None) {
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => return Ok(()),
            predictions => predictions?,
        };
        let validation = config.metric.evaluate(&predictions);
        let at = Kept { epoch, step, validation, ..self.names(&format!("capture-{}", captures.len() + 1)) };
        let weights = StateDict::from_tensors(model.state_dict());
        captures.push(self.save(at, &weights, None, &predictions)?);
        Ok(())
    }

    pub(crate) fn names(&self, stem: &str) -> Kept {
        Kept {
            epoch: 0,
            step: 0,
            validation: Value::Undefined("not evaluated".into()),
            weights: format!("{stem}.safetensors").into(),
            predictions: format!("{stem}.val.safetensors").into(),
            optimizer: None,
        }
    }

    pub(crate) fn save(
        &self,
        kept: Kept,
        weights: &StateDict,
        optimizer: Option<&StateDict>,
        predictions: &Predictions,
    ) -> Result<Kept, Error> {
        let provenance = Some(&self.provenance);
        weights.save(&self.folder.join(&kept.weights), provenance)?;
        if let (Some(state), Some(path)) = (optimizer, &kept.optimizer) {
            state.save(&self.folder.join(path), provenance)?;
        }
        // They say whose they are, so that whoever chooses among the weights need not predict again.
        let whose =
            Parent { id: kept.weights.display().to_string(), digest: *weights.digest(), weight: None };
        let of_predictions =
            Provenance { kind: "predict".into(), parents: vec![whose], ..self.provenance.clone() };
        save_predictions(&self.folder.join(&kept.predictions), predictions, Some(&of_predictions))?;
        Ok(kept)
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File { path, reason: error.to_string() }
}
