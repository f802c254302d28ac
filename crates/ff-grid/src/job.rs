//! One piece of work, known by what it computes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_data::{Augment, DatasetConfig, SplitRule};
use ff_eval::{Metric, OutputMap};
use ff_inmerge::InMerge;
use ff_models::Spec;
use ff_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::landscape::{PathRecipe, PlaneRecipe, RowRecipe, SurfaceRecipe, TriesRecipe};
use crate::{DataIdentity, Diverged, Part, Selection};

/// A node of the graph. Two jobs with the same recipe and inputs are the same job, whatever table they are in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Digest of the recipe, the inputs' identities and the data's: 16 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// What it computes.
    pub recipe: Recipe,
    /// Identities of the jobs whose results it needs, in the order the recipe expects.
    pub inputs: Vec<String>,
    /// Where its images are.
    pub data: DataSource,
    /// A file its weights start from.
    pub weights: Option<PathBuf>,
    /// What a hierarchy can group its models by: `learning_rate`, `augmentation`, `seed`.
    pub fields: BTreeMap<String, String>,
    /// What it will cost.
    pub cost: Cost,
    /// Why it cannot run, if it cannot: data or weights that are not there.
    pub blocked: Option<String>,
    /// What a reader of its result must know of its data, such as patients in more than one split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A dataset and how it is divided, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Where the images are.
    pub source: DatasetConfig,
    /// How they are divided; if absent, they are only evaluated on.
    pub split: Option<SplitRule>,
    /// The most pixels that the shorter side of an image may have; absent, images stay as they are.
    pub shrink_px: Option<u32>,
}

/// What a job computes: everything its result depends on, besides its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Recipe {
    /// Training from scratch on a source domain.
    Pretrain(Training),
    /// The linear probe: input, a pretrained model, if it does not start from a file.
    Probe(Training),
    /// Full fine-tuning: input, the probe.
    Finetune(Training),
    /// Fast Geometric Generation: input, a fine-tuned base.
    Fgg(Training),
    /// A choice among models, averaged: inputs, the runs that made them.
    Soup(SoupRecipe),
    /// Predictions of a model: input, the soup or the run that kept it.
    Predict {
        /// The model's form.
        model: Spec,
        /// Data to predict.
        data: DataIdentity,
        /// Part of it.
        part: Part,
        /// Which outputs speak for which classes, where they are not the dataset's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<OutputMap>,
        /// Whether the images are in groups, such as patients, which the predictions then name.
        #[serde(default, skip_serializing_if = "is_false")]
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
    Plane(PlaneRecipe),
    /// The errors on one row of a plane's grid: inputs, the plane and the runs.
    PlaneRow(RowRecipe),
    /// The error surface on a plane: inputs, the plane, the runs, soups to be placed, and the rows.
    Surface(SurfaceRecipe),
    /// The errors on the straight path between two models: inputs, their runs.
    Path(PathRecipe),
    /// How far from a greedy soup, and behind what barrier, its candidates lay: inputs, the soup, the probe, and the runs.
    Tries(TriesRecipe),
}

/// The recipe of a choice among models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupRecipe {
    /// The models' form.
    pub model: Spec,
    /// Data whose validation part scores candidates.
    pub data: DataIdentity,
    /// What scores them.
    pub metric: Metric,
    /// How they are chosen.
    pub select: Selection,
    /// Compute the BatchNorm statistics of means anew, from the training images in batches of this size. Absent: they
    /// are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
    /// What becomes of the models of runs that diverged.
    #[serde(default, skip_serializing_if = "Diverged::is_keep")]
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
    },
    /// The model that the input kept; a classifier that does not fit is new.
    Input {
        /// Go on with its optimizer state.
        optimizer: bool,
        /// Seed of a new classifier.
        seed: u64,
    },
}

fn is_false(value: &bool) -> bool {
    !value
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

/// What a job costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Training epochs.
    pub epochs: u64,
    /// Training images.
    pub train_images: u64,
    /// Images predicted: validation of each epoch, of each candidate, or a test split; and those that BatchNorm statistics
    /// are computed from.
    pub evaluated_images: u64,
    /// Sets of weights evaluated.
    pub evaluations: u64,
}

impl Cost {
    /// How long it takes, roughly, in images evaluated: one that is trained on counts as three.
    pub fn weight(&self) -> u64 {
        3 * self.train_images + self.evaluated_images
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.train_images += other.train_images;
        self.evaluated_images += other.evaluated_images;
        self.evaluations += other.evaluations;
    }
}

impl Recipe {
    /// Every kind's name, in the order in which a table needs them.
    pub const KINDS: [&str; 12] = [
        "pretrain",
        "probe",
        "finetune",
        "fgg",
        "soup",
        "predict",
        "evaluate",
        "plane",
        "plane-row",
        "surface",
        "path",
        "tries",
    ];

    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pretrain(_) => "pretrain",
            Self::Probe(_) => "probe",
            Self::Finetune(_) => "finetune",
            Self::Fgg(_) => "fgg",
            Self::Soup(_) => "soup",
            Self::Predict { .. } => "predict",
            Self::Evaluate { .. } => "evaluate",
            Self::Plane(_) => "plane",
            Self::PlaneRow(_) => "plane-row",
            Self::Surface(_) => "surface",
            Self::Path(_) => "path",
            Self::Tries(_) => "tries",
        }
    }

    /// The recipe without what does not change the weights: whether the optimizer's state is kept as well.
    pub(crate) fn essence(&self) -> Self {
        let mut essence = self.clone();
        if let Self::Pretrain(training)
        | Self::Probe(training)
        | Self::Finetune(training)
        | Self::Fgg(training) = &mut essence
        {
            training.train.keep_optimizer = false;
        }
        essence
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

impl Job {
    /// The identity of a recipe with inputs.
    pub(crate) fn identity(recipe: &Recipe, inputs: &[String]) -> String {
        let text = serde_json::to_string(&(recipe.essence(), inputs)).expect("recipes are plain data");
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }

    /// The name of its folder.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.recipe.kind(), self.id)
    }
}

/// What a hierarchy can group a run's models by, as it stands in jobs and in weights' provenance.
pub fn group_fields(learning_rate: f64, augment: Augment, seed: u64) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("learning_rate".to_owned(), format!("{learning_rate:e}")),
        ("augmentation".to_owned(), augment.to_string()),
        ("seed".to_owned(), seed.to_string()),
    ])
}
