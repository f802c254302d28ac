//! The record of each epoch.

use std::collections::BTreeMap;
use std::path::Path;

use ff_eval::Value;
use serde::{Deserialize, Serialize};

/// Name of the log in a run's folder.
pub(crate) const FILE: &str = "history.jsonl";

/// One finished epoch: a line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Steps done since the start of the run.
    pub step: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's steps.
    pub train_loss: f64,
    /// Loss over the validation images.
    pub validation_loss: f64,
    /// The validation metric.
    pub validation: Value,
    /// Training images seen in this epoch.
    pub images: usize,
    /// Images that could not be read and were left out, by name.
    pub skipped: Vec<String>,
    /// Report of each hook on the epoch, by the hook's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, serde_json::Value>,
    /// Wall time of the epoch, validation included, in seconds.
    pub seconds: f64,
    /// Part of the wall time spent waiting for images, in seconds. 0 in records that predate it.
    #[serde(default)]
    pub data_seconds: f64,
}

impl EpochRecord {
    /// Returns training images per second; the time includes validation.
    pub fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds
    }

    /// Returns the share of the time, 0 to 1, spent waiting for images. If it is large, use more
    /// loader threads, or shrink the images once (`shrink_px`).
    pub fn data_share(&self) -> f64 {
        self.data_seconds / self.seconds
    }

    /// Reads the epochs in the log of a run's folder, up to a line that is still being written.
    /// Without a log there are none.
    pub fn written_in(folder: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
        text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The step at which a run's loss stopped being finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The first step with a loss that is not finite, from 1.
    pub step: usize,
    /// The learning rate of that step.
    pub learning_rate: f64,
    /// The last finite loss before it, if there was one.
    pub last_finite_loss: Option<f64>,
}
