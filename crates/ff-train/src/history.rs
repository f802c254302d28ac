//! What happened, epoch by epoch.

use std::collections::BTreeMap;

use ff_eval::Value;
use serde::{Deserialize, Serialize};

/// One finished epoch: a line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
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
    /// What each hook reports of the epoch, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, serde_json::Value>,
    /// Wall time.
    pub seconds: f64,
}

/// The point at which a run's numbers stopped being numbers.
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
