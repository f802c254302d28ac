//! A model at one step of a run, in memory.

use ff_checkpoint::StateDict;
use ff_eval::{Chance, Predictions, Value};
use serde::{Deserialize, Serialize};

use crate::config::SelectBy;
use crate::history::EpochRecord;

/// A model that a run may save.
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
    #[serde(default)]
    pub chance: Chance,
    /// NaN for a snapshot, which is not compared.
    pub validation_loss: f64,
}

impl CandidateNotes {
    /// Returns whether an epoch is better. By metric, an epoch with an undefined value never is,
    /// and one with a value is better than a model without one.
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
