//! A model in a run's folder.

use ff_checkpoint::FileRef;
use ff_eval::Value;
use serde::{Deserialize, Serialize};

/// A model that a run saved. Paths are relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedModel {
    /// The epoch at whose end, or inside which, it was saved, from 1.
    pub epoch: u32,
    /// Steps done by then.
    pub step: usize,
    /// Its validation metric.
    pub validation: Value,
    /// Its weights.
    pub weights: FileRef,
    /// Its predictions on the validation images.
    pub predictions: FileRef,
    /// The optimizer's state at that step, if the run keeps it.
    pub optimizer: Option<FileRef>,
}

impl SavedModel {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        [Some(&self.weights), Some(&self.predictions), self.optimizer.as_ref()].into_iter().flatten()
    }
}
