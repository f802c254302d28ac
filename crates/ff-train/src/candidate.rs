//! A model at one step of a run, in memory.

use ff_checkpoint::StateDict;
use ff_eval::{Predictions, Value};
use serde::{Deserialize, Serialize};

use crate::config::SelectBy;
use crate::history::EpochRecord;

/// A model that a run may keep.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub notes: CandidateNotes,
    pub weights: StateDict,
    pub optimizer: Option<StateDict>,
    pub predictions: Predictions,
}

/// The part of a candidate that is not tensors.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidateNotes {
    pub epoch: u32,
    pub step: usize,
    pub validation: Value,
    /// NaN for a snapshot, which is not compared.
    pub validation_loss: f64,
}

impl CandidateNotes {
    /// Whether an epoch is better. One with an undefined metric is not, and one with a metric is
    /// better than one without.
    pub(crate) fn is_beaten_by(&self, record: &EpochRecord, by: SelectBy) -> bool {
        match by {
            SelectBy::Loss => record.validation_loss < self.validation_loss,
            SelectBy::Metric => match (record.validation.value(), self.validation.value()) {
                (Some(new), Some(old)) => new > old,
                (new, old) => new.is_some() && old.is_none(),
            },
        }
    }
}
