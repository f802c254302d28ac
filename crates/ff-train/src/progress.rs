//! The progress of a run: its state without the model and the optimizer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::history::EpochRecord;
use crate::saved_model::SavedModel;

/// The progress of a run.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
    pub snapshots: Vec<SavedModel>,
    /// The best epoch so far.
    pub best: Option<Candidate>,
    /// The unfinished epoch.
    pub epoch: PartOfEpoch,
}

/// The finished part of an epoch.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartOfEpoch {
    /// Batches of the loader that are done, those without a readable image included.
    pub batches: usize,
    /// The loss of each step.
    pub losses: Vec<f64>,
    pub images: usize,
    pub skipped: Vec<String>,
    /// The state of each hook, by its name.
    pub hooks: BTreeMap<String, serde_json::Value>,
    pub seconds: f64,
    #[serde(default)]
    pub data_seconds: f64,
}

impl Progress {
    /// Returns the number of the unfinished epoch, from 1.
    pub(crate) fn epoch_number(&self) -> u32 {
        self.history.len() as u32 + 1
    }

    /// Returns the number of steps of the finished epochs.
    pub(crate) fn finished_steps(&self) -> usize {
        self.history.last().map_or(0, |last| last.step)
    }

    /// Returns the validation loss of each finished epoch.
    pub(crate) fn validation_losses(&self) -> Vec<f64> {
        self.history.iter().map(|record| record.validation_loss).collect()
    }

    /// Returns the number of finished epochs after the one with the lowest validation loss.
    pub(crate) fn epochs_without_gain(&self) -> usize {
        let losses = self.history.iter().map(|record| record.validation_loss).enumerate();
        let lowest = losses.min_by(|(_, a), (_, b)| a.total_cmp(b));
        lowest.map_or(0, |(at, _)| self.history.len() - 1 - at)
    }
}
