//! The files of a saved model.

use ff_checkpoint::FileRef;
use ff_eval::{Chance, Value};
use serde::{Deserialize, Serialize};

/// A model that a run saved. Paths are relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedModel {
    /// The epoch, from 1, inside which or at whose end it was saved.
    pub epoch: u32,
    /// Steps done when it was saved.
    pub step: usize,
    /// Its validation metric.
    pub validation: Value,
    /// Chance by that metric, and whether the model tells the validation images apart; unknown in
    /// records of older versions.
    #[serde(default, skip_serializing_if = "Chance::is_unknown")]
    pub chance: Chance,
    /// Its weights.
    pub weights: FileRef,
    /// Its predictions on the validation images.
    pub predictions: FileRef,
    /// The optimizer's state at that step, if the run keeps it.
    pub optimizer: Option<FileRef>,
}

impl SavedModel {
    /// Iterates over its files.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        [Some(&self.weights), Some(&self.predictions), self.optimizer.as_ref()].into_iter().flatten()
    }
}
