//! Configuration of a training run.

use ff_data::{Augment, Task};
use ff_eval::{Metric, TaskKind};
use ff_models::Spec;
use serde::{Deserialize, Serialize};

use crate::ema::Ema;
use crate::error::Error;
use crate::optimizer_config::OptimizerConfig;
use crate::sampling::Sampling;
use crate::schedule::LrSchedule;
use crate::task_weights::TaskWeights;

/// A training run. The defaults are FissionFusion's full fine-tuning (§3) at one learning rate of
/// its grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training images, at least 1.
    pub epochs: u32,
    /// Images per step, at least 1. The last step of an epoch takes the remainder; a remainder of
    /// one image joins the step before it.
    pub batch_size: usize,
    /// Augmentation of the training images.
    pub augment: Augment,
    /// Training images of an epoch: `all`, `bootstrap` or `balanced`.
    #[serde(skip_serializing_if = "Sampling::is_all")]
    pub sample: Sampling,
    /// Side of the training images in pixels. Absent: the model's, which validation images always
    /// have. A DeiT takes no other size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<u32>,
    /// Seed of the order of the images, of `sample`, of augmentation and of dropout.
    pub seed: u64,
    /// Update rule with its constants.
    pub optimizer: OptimizerConfig,
    /// Learning rate over the run.
    pub schedule: LrSchedule,
    /// Which parameters are trained.
    pub trainable: Trainable,
    /// How the saved epoch is chosen.
    pub select_by: SelectBy,
    /// Metric of the validation images.
    pub metric: Metric,
    /// Stop after this many epochs, at least 1, without a lower validation loss. Absent: never (the
    /// paper).
    pub early_stopping_epochs: Option<u32>,
    /// Weight of each task of a multilabel dataset in the loss.
    #[serde(skip_serializing_if = "TaskWeights::is_equal")]
    pub task_weights: TaskWeights,
    /// Save the optimizer's state with the weights, for a run that starts from both. Not allowed
    /// with a cyclic learning rate, which saves snapshots.
    pub keep_optimizer: bool,
    /// A moving average of the weights, saved at the end of the run beside its other models. It
    /// does not change them. Not allowed if only the last layer is trained. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<Ema>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 128,
            augment: Augment::Minimal,
            sample: Sampling::default(),
            image_size: None,
            seed: 0,
            optimizer: OptimizerConfig::default(),
            schedule: LrSchedule::default(),
            trainable: Trainable::default(),
            select_by: SelectBy::default(),
            metric: Metric::MacroF1,
            early_stopping_epochs: None,
            task_weights: TaskWeights::default(),
            keep_optimizer: false,
            ema: None,
        }
    }
}

/// Which parameters are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trainable {
    /// All parameters: full fine-tuning.
    All {},
    /// The last layer only: the linear probe.
    Classifier {
        /// Update the frozen layers' BatchNorm statistics from the training images, as the authors'
        /// code does. The default is false: the paper freezes the whole network.
        #[serde(default, alias = "bn_drift")]
        update_bn_stats: bool,
    },
}

impl Default for Trainable {
    fn default() -> Self {
        Self::All {}
    }
}

/// How the saved epoch is chosen. Ties go to the earlier epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SelectBy {
    /// The best validation metric (the paper).
    #[default]
    Metric,
    /// The lowest validation loss (the authors' code).
    Loss,
}

/// Error text for a patience of 0, with which a run would stop after its first epoch whatever the
/// loss.
pub const NO_PATIENCE: &str =
    "early_stopping_epochs: expected at least 1, found 0\nhint: leave the key out to never stop early";

/// Returns the metrics' kind of a dataset's task.
pub fn task_kind(task: &Task) -> TaskKind {
    match task {
        Task::Multiclass { .. } => TaskKind::Multiclass,
        Task::Multilabel { .. } => TaskKind::Multilabel,
    }
}

impl TrainConfig {
    /// Checks the configuration for a task and a model. [`train`](crate::train) does so before it
    /// writes anything.
    ///
    /// # Errors
    /// [`Error::Config`] names the key, what was expected and what was found.
    pub fn check(&self, task: &Task, model: &Spec) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let kind = task_kind(task);
        if !self.metric.applies_to(kind) {
            return wrong(format!(
                "metric: expected a metric for {} tasks, found {}",
                kind.name(),
                self.metric
            ));
        }
        if self.epochs == 0 {
            return wrong("epochs: expected at least 1, found 0".into());
        }
        if self.batch_size == 0 {
            return wrong("batch_size: expected at least 1, found 0".into());
        }
        if self.early_stopping_epochs == Some(0) {
            return wrong(NO_PATIENCE.into());
        }
        if self.keep_optimizer && matches!(self.schedule, LrSchedule::Cyclic { .. }) {
            return wrong("keep_optimizer: expected false with a cyclic learning rate, which saves snapshots without optimizer state; found true".into());
        }
        if let Some(image_size) = self.image_size {
            model.check_images(image_size).map_err(|error| {
                Error::Config(format!(
                    "image_size: {error}\nhint: leave the key out to train on images of the model's size"
                ))
            })?;
        }
        self.sample.check(task)?;
        if let Some(ema) = &self.ema {
            ema.check("ema.decay")?;
            if !matches!(self.trainable, Trainable::All {}) {
                return wrong("ema: expected a run that trains all parameters, found one that trains the last layer\nhint: leave the key out".into());
            }
        }
        self.task_weights.check(task)?;
        self.optimizer.check()
    }
}
