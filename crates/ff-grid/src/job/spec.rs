//! What a job computes: everything its result depends on besides its inputs.

use ff_eval::{Metric, OutputMap};
use ff_inmerge::InMerge;
use ff_models::Spec;
use ff_train::TrainConfig;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::data::{DataIdentity, EvalSplit};
use super::landscape::{PathSpec, PlaneSpec, RowSpec, SurfaceSpec};
use super::select::{Diverged, Selection};

/// What a job computes: everything its result depends on, besides its inputs. In the order in which
/// a table needs the kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, VariantNames)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[strum(serialize_all = "kebab-case")]
pub enum JobSpec {
    /// Training from scratch on a source domain.
    Pretrain(Training),
    /// The linear probe: input, a pretrained model, if it does not start from a file.
    Probe(Training),
    /// Full fine-tuning: input, the probe.
    Finetune(Training),
    /// Fast Geometric Generation: input, a fine-tuned base.
    Fgg(Training),
    /// A choice among models, averaged: inputs, the runs that made them.
    Soup(SoupSpec),
    /// Predictions of a model: input, the soup or the run that kept it.
    Predict {
        /// The model's form.
        model: Spec,
        /// Data to predict.
        data: DataIdentity,
        /// Part of it.
        part: EvalSplit,
        /// Which outputs speak for which classes, where they are not the dataset's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<OutputMap>,
        /// Whether the images are in groups, such as patients, which the predictions then name.
        #[serde(default, skip_serializing_if = "is_default")]
        groups: bool,
    },
    /// A score with its interval: input, predictions.
    Evaluate {
        /// The metric.
        metric: Metric,
        /// Bootstrap resamples.
        resamples: usize,
        /// Seed of the bootstrap.
        seed: u64,
    },
    /// Where the plane through three models lies: inputs, the runs they are chosen from.
    Plane(PlaneSpec),
    /// The errors on one row of a plane's grid: inputs, the plane and the runs.
    PlaneRow(RowSpec),
    /// The error surface on a plane: inputs, the plane, the runs, soups to be placed, and the rows.
    Surface(SurfaceSpec),
    /// The errors on the straight path between two models: inputs, their runs.
    Path(PathSpec),
    /// How far from a greedy soup, and behind what barrier, its candidates lay: inputs, the soup,
    /// the probe, and the runs.
    #[serde(alias = "tries")]
    GreedyBarriers(PathSpec),
}

impl JobSpec {
    /// Every kind's name, in the order in which a table needs them.
    pub const KINDS: &[&str] = Self::VARIANTS;

    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The recipe without what does not change the weights: whether the optimizer's state is kept
    /// as well.
    pub(crate) fn canonical(&self) -> Self {
        let mut canonical = self.clone();
        if let Self::Pretrain(training)
        | Self::Probe(training)
        | Self::Finetune(training)
        | Self::Fgg(training) = &mut canonical
        {
            training.train.keep_optimizer = false;
        }
        canonical
    }

    /// The recipe of a run of training, if it is one.
    pub fn training(&self) -> Option<&Training> {
        match self {
            Self::Pretrain(training)
            | Self::Probe(training)
            | Self::Finetune(training)
            | Self::Fgg(training) => Some(training),
            _ => None,
        }
    }
}

/// The recipe of a choice among models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupSpec {
    /// The models' form.
    pub model: Spec,
    /// Data whose validation part scores candidates.
    pub data: DataIdentity,
    /// What scores them.
    pub metric: Metric,
    /// How they are chosen.
    pub select: Selection,
    /// Compute the BatchNorm statistics of means anew, from the training images in batches of this
    /// size. Absent: they are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
    /// What becomes of the models of runs that diverged.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diverged: Diverged,
}

/// The recipe of a run of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The model's form.
    pub model: Spec,
    /// Where its weights start.
    pub start: Start,
    /// What it is trained and selected on.
    pub data: DataIdentity,
    /// How.
    pub train: TrainConfig,
    /// In-model merging at every step, drawn from the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inmerge: Option<InMerge>,
}

/// Where weights start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Start {
    /// The architecture's initialisation.
    Random {
        /// Its seed.
        seed: u64,
    },
    /// A file of weights; a classifier that does not fit is new.
    File {
        /// Digest of its content.
        digest: String,
        /// Seed of a new classifier.
        seed: u64,
        /// Digest of the optimizer state to go on with. Absent: it starts anew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optimizer: Option<String>,
    },
    /// The model that the input kept; a classifier that does not fit is new.
    Input {
        /// Go on with its optimizer state.
        optimizer: bool,
        /// Seed of a new classifier.
        seed: u64,
    },
}

impl Start {
    /// What stands for the digest of a file that is not there.
    pub(crate) const UNKNOWN: &str = "unknown";

    /// The same start, with another seed for whatever is new.
    pub(crate) fn with_seed(&self, other: u64) -> Self {
        let mut start = self.clone();
        let (Self::Random { seed } | Self::File { seed, .. } | Self::Input { seed, .. }) = &mut start;
        *seed = other;
        start
    }
}

/// For `skip_serializing_if`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
