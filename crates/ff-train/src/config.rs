//! What one run is told.

use ff_data::{Augment, Task};
use ff_eval::{Metric, TaskKind};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::optimizer_config::OptimizerConfig;
use crate::schedule::LrSchedule;
use crate::task_weights::TaskWeights;

/// One run of training. The default is FissionFusion's full fine-tuning (§3) at one learning rate
/// of its grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step; the last step of an epoch takes the remainder.
    pub batch_size: usize,
    /// Training augmentation.
    pub augment: Augment,
    /// Seed of the order, the augmentation and dropout.
    pub seed: u64,
    /// Update rule.
    pub optimizer: OptimizerConfig,
    /// Learning rate over the run.
    pub schedule: LrSchedule,
    /// What is trained.
    pub trainable: Trainable,
    /// How the kept epoch is chosen.
    pub select_by: SelectBy,
    /// Validation metric.
    pub metric: Metric,
    /// Stop after that many epochs without a lower validation loss. Absent: never (the paper).
    pub early_stopping_epochs: Option<u32>,
    /// What each task of a multilabel dataset counts in the loss.
    #[serde(skip_serializing_if = "TaskWeights::is_equal")]
    pub task_weights: TaskWeights,
    /// Keep the optimizer's state beside the kept weights, for a run that starts from both. Not
    /// with a cyclic learning rate, whose models are the snapshots.
    pub keep_optimizer: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 128,
            augment: Augment::Minimal,
            seed: 0,
            optimizer: OptimizerConfig::default(),
            schedule: LrSchedule::default(),
            trainable: Trainable::default(),
            select_by: SelectBy::default(),
            metric: Metric::MacroF1,
            early_stopping_epochs: None,
            task_weights: TaskWeights::default(),
            keep_optimizer: false,
        }
    }
}

/// Which parameters are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trainable {
    /// All of them: full fine-tuning.
    All {},
    /// The last layer only: the linear probe.
    Classifier {
        /// Let the frozen layers' BatchNorm statistics follow the training images, as the authors'
        /// code does. The paper freezes the whole network.
        #[serde(default, alias = "bn_drift")]
        update_bn_stats: bool,
    },
}

impl Default for Trainable {
    fn default() -> Self {
        Self::All {}
    }
}

/// How the kept epoch is chosen. Ties go to the earlier epoch.
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

/// What is wrong with a patience of 0: the run would stop after its first epoch, whatever the loss
/// does.
pub const NO_PATIENCE: &str =
    "early_stopping_epochs: expected at least 1, found 0\nhint: leave the key out to never stop early";

/// What the metrics call a dataset's task.
pub fn task_kind(task: &Task) -> TaskKind {
    match task {
        Task::Multiclass { .. } => TaskKind::Multiclass,
        Task::Multilabel { .. } => TaskKind::Multilabel,
    }
}

impl TrainConfig {
    /// Whether a run on such a task makes sense. [`train`](crate::train) asks the same before it
    /// writes anything.
    ///
    /// # Errors
    /// [`Error::Config`] names the key, what was expected and what was found.
    pub fn check(&self, task: &Task) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let kind = task_kind(task);
        if !self.metric.applies_to(kind) {
            return wrong(format!("metric: {} does not apply to a {} task", self.metric, kind.name()));
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
            return wrong("keep_optimizer: a run with a cyclic learning rate keeps its snapshots, none with optimizer state".into());
        }
        self.task_weights.check(task)?;
        self.optimizer.check()
    }
}
