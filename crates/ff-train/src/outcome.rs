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
    /// The exponential moving average of the weights over all steps, with BatchNorm statistics of its
    /// own. Absent if the run keeps none, if it diverged (the average then has weights from after
    /// the divergence), and if a logit of the average is not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<SavedModel>,
    /// The step at which the loss stopped being finite, if it did. The saved models are from before
    /// it.
    pub diverged: Option<Divergence>,
    /// Every finished epoch.
    pub history: Vec<EpochRecord>,
}

impl Outcome {
    /// Iterates over the models that the run saved.
    pub fn models(&self) -> impl Iterator<Item = &SavedModel> {
        self.kept.iter().chain(&self.snapshots).chain(&self.ema)
    }

    /// Returns whether the run saved no model.
    pub fn is_empty(&self) -> bool {
        self.models().next().is_none()
    }

    /// Returns the number of passes over the validation images: one after each epoch, one for each
    /// snapshot inside an epoch, and one for the moving average.
    pub fn evaluations(&self) -> u64 {
        let ends = |snapshot: &&SavedModel| self.history.iter().any(|epoch| epoch.step == snapshot.step);
        let inside = self.snapshots.iter().filter(|snapshot| !ends(snapshot)).count();
        (self.history.len() + inside + usize::from(self.ema.is_some())) as u64
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
