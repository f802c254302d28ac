//! The outcome of a training run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::history::{Divergence, EpochRecord};
use crate::resume;
use crate::saved_model::SavedModel;

/// The outcome of a training run: its saved models and its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The model of the best epoch. Absent if the run diverged in its first epoch, and for a cyclic
    /// learning rate, whose models are the snapshots.
    pub kept: Option<SavedModel>,
    /// The models at the minima of a cyclic learning rate, in order.
    #[serde(alias = "captures")]
    pub snapshots: Vec<SavedModel>,
    /// The step at which the loss stopped being finite, if it did. The saved models are from before
    /// it.
    pub diverged: Option<Divergence>,
    /// Every finished epoch.
    pub history: Vec<EpochRecord>,
}

impl Outcome {
    /// Returns whether the run saved no model.
    pub fn is_empty(&self) -> bool {
        self.kept.is_none() && self.snapshots.is_empty()
    }

    /// Returns the number of passes over the validation images: one after each epoch, and one for
    /// each snapshot inside an epoch.
    pub fn evaluations(&self) -> u64 {
        let ends = |snapshot: &&SavedModel| self.history.iter().any(|epoch| epoch.step == snapshot.step);
        (self.history.len() + self.snapshots.iter().filter(|snapshot| !ends(snapshot)).count()) as u64
    }

    /// Removes the resume points of a run. Call it once the end of the run is recorded.
    ///
    /// # Errors
    /// A folder that cannot be read, or a file that cannot be removed.
    pub fn forget_resume_points(folder: &Path) -> Result<(), Error> {
        resume::forget(folder, 0)
    }

    /// Returns whether a file of a run's folder is named as a resume point.
    pub fn is_resume_point(path: &Path) -> bool {
        resume::is_point(path)
    }
}
