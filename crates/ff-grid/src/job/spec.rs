//! The specification of a job: all that its result depends on, besides its inputs.
//!
//! A job's identity is the digest of its specification and its inputs' identities. How it is run
//! (workers, threads, device, paths, names, unreadable images) is not part of it. A job that left
//! out unreadable images (`on_bad_image = "skip"`) counts as done for `error` too: its record and
//! the table's notes name the images.

use std::collections::BTreeMap;

use ff_eval::{Metric, OutputMap};
use ff_inmerge::InMerge;
use ff_models::Spec;
use ff_train::TrainConfig;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::data::{DataIdentity, EvalSplit};
use super::forecast::PoolFilter;
use super::landscape::{ErrorEvaluation, PathSpec, PlaneSpec, RowSpec, SurfaceSpec};
use super::names::FILE;
use super::select::{Averages, Diverged, Selection};

/// The specification of a job, by its kind. The kinds are in the order in which a table needs them,
/// but for the forecast, which comes before soups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, VariantNames)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[strum(serialize_all = "kebab-case")]
pub enum JobSpec {
    /// Training from scratch on a source domain.
    Pretrain(Training),
    /// The linear probe. Input: a pretrained model, unless it starts from a file.
    Probe(Training),
    /// Full fine-tuning. Input: the probe.
    Finetune(Training),
    /// Fast Geometric Generation. Input: a fine-tuned base.
    Fgg(Training),
    /// A model that was not trained here, whose validation images are predicted. Inputs: none.
    Import(ImportSpec),
    /// A soup, a single model or an ensemble, of a pool. Inputs: the runs of the pool; the probe that
    /// they start from, if the method needs it; the forecast, if it filters the pool.
    Soup(SoupSpec),
    /// Predictions of a model. Input: the soup or the run that saved it; for an ensemble, its job
    /// and then the runs of its pool.
    Predict {
        /// Architecture and input of the model.
        model: Spec,
        /// Data to predict.
        data: DataIdentity,
        /// Split to predict.
        part: EvalSplit,
        /// How the model's outputs map to the dataset's classes, where they differ. The map is part
        /// of the prediction and not of the dataset.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<OutputMap>,
        /// True if the images are in groups, such as patients. The predictions then have the
        /// groups.
        #[serde(default, skip_serializing_if = "is_default")]
        groups: bool,
    },
    /// A score with its interval. Input: predictions.
    Evaluate {
        /// The metric.
        metric: Metric,
        /// Bootstrap resamples.
        resamples: usize,
        /// Seed of the bootstrap.
        seed: u64,
    },
    /// What validation says of soups against the best single model. Inputs: the jobs of the single
    /// models, then those of the soups.
    Verdict {
        /// How many inputs are single models.
        singles: usize,
        /// Folds of their cross-fitting, which the identities of soups do not tell.
        folds: usize,
        /// The metric.
        metric: Metric,
        /// Bootstrap resamples.
        resamples: usize,
        /// Seed of the bootstrap.
        seed: u64,
    },
    /// The plane through three models. Inputs: the runs that they are selected from.
    Plane(PlaneSpec),
    /// The errors on one row of a plane's grid. Inputs: the plane and the runs.
    PlaneRow(RowSpec),
    /// The error surface on a plane. Inputs: the plane, the runs, soups to mark, and the rows.
    Surface(SurfaceSpec),
    /// The errors on the straight path between two models. Inputs: their runs.
    Path(PathSpec),
    /// The distance and the error barrier between a greedy soup and each of its candidates. Inputs:
    /// the soup, the probe, and the runs.
    #[serde(alias = "tries")]
    GreedyBarriers(PathSpec),
    /// Which models of a pool average. Inputs: the runs of the pool, and the model that they start
    /// from, if it is known.
    Forecast(ForecastSpec),
}

impl JobSpec {
    /// The names of the kinds, in the order in which a table needs them.
    pub const KINDS: &[&str] = Self::VARIANTS;

    /// Returns the name of the kind.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// Returns the specification without what does not change the weights: `keep_optimizer`, and the
    /// `folds` of a soup.
    pub(crate) fn canonical(&self) -> Self {
        let mut canonical = self.clone();
        if let Self::Pretrain(training)
        | Self::Probe(training)
        | Self::Finetune(training)
        | Self::Fgg(training) = &mut canonical
        {
            training.train.keep_optimizer = false;
        }
        if let Self::Soup(soup) = &mut canonical {
            soup.folds = None;
        }
        canonical
    }

    /// Returns the specification of a training run; `None` for other kinds.
    pub fn training(&self) -> Option<&Training> {
        match self {
            Self::Pretrain(training)
            | Self::Probe(training)
            | Self::Finetune(training)
            | Self::Fgg(training) => Some(training),
            _ => None,
        }
    }

    /// Returns the metric of the validation scores of the models that a job saves.
    pub fn metric_of_models(&self) -> Option<Metric> {
        match self {
            Self::Import(import) => Some(import.metric),
            other => other.training().map(|training| training.train.metric),
        }
    }
}

/// The specification of a model from a file that was not trained here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSpec {
    /// Architecture and input of the model.
    pub model: Spec,
    /// Data whose validation split it predicts.
    pub data: DataIdentity,
    /// Metric of its score.
    pub metric: Metric,
    /// Digest of the file's content.
    pub weights: String,
    /// What rows can group it by: the fields of its provenance, its name (`file`) and that of its folder
    /// (`folder`). They are part of the identity, since records name models.
    pub fields: BTreeMap<String, String>,
    /// For each class of the data, the output of the file's model that is for it. `None`: in the order
    /// of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<usize>>,
    /// True for the model that others were fine-tuned from. A classifier that does not fit is then 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_base: bool,
}

impl ImportSpec {
    /// Returns the model's name in soups: the file as the configuration gives it, or below its folder
    /// there.
    pub fn name(&self) -> &str {
        self.fields.get(FILE).map_or("", String::as_str)
    }
}

/// The specification of a soup, or of a single model selected from a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupSpec {
    /// Architecture and input of the models.
    pub model: Spec,
    /// Data whose validation split scores candidates.
    pub data: DataIdentity,
    /// Metric of the table.
    pub metric: Metric,
    /// How models are selected and averaged.
    pub select: Selection,
    /// The metric of the scores that choose, if it is another than `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_by: Option<Metric>,
    /// Folds of the validation images to cross-fit the choice with. `None`: no cross-fitting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Batch size in which the BatchNorm statistics of averages are recomputed from the training
    /// images. `None`: they are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
    /// The number of training images that they are recomputed from, if that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bn_images: Option<usize>,
    /// How to handle models of runs that diverged.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diverged: Diverged,
    /// Whether the moving averages of the runs' weights are among the models.
    #[serde(default, skip_serializing_if = "is_default")]
    pub averages: Averages,
    /// Which models of the pool are left out. `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<PoolFilter>,
}

impl SoupSpec {
    /// Returns the metric of the scores that choose.
    pub fn chooses_by(&self) -> Metric {
        self.select_by.unwrap_or(self.metric)
    }
}

/// The specification of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastSpec {
    /// How errors are evaluated.
    pub evaluation: ErrorEvaluation,
    /// Whether errors halfway between models are evaluated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub barrier: bool,
    /// How to handle models of runs that diverged.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diverged: Diverged,
    /// Whether the moving averages of the runs' weights are among the models.
    #[serde(default, skip_serializing_if = "is_default")]
    pub averages: Averages,
    /// True if the model that the runs start from is unknown, as of files: no input is that model, and
    /// distances and angles are those of the weights, not of what training changed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_start: bool,
}

/// The specification of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Architecture and input of the model.
    pub model: Spec,
    /// The initial weights.
    pub start: Start,
    /// Data to train on and to select the best epoch by.
    pub data: DataIdentity,
    /// Optimizer, schedule, augmentation and seed.
    pub train: TrainConfig,
    /// In-model merging at every step, drawn from the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inmerge: Option<InMerge>,
}

/// The initial weights of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Start {
    /// The architecture's initialisation.
    Random {
        /// Its seed.
        seed: u64,
    },
    /// A file of weights. A classifier that does not fit is initialised.
    File {
        /// Digest of its content.
        digest: String,
        /// Seed of a new classifier.
        seed: u64,
        /// Digest of the optimizer state to continue with. `None`: new optimizer state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optimizer: Option<String>,
    },
    /// The model that the input saved. A classifier that does not fit is initialised.
    Input {
        /// Continue with its optimizer state.
        optimizer: bool,
        /// Seed of a new classifier.
        seed: u64,
    },
}

impl Start {
    /// The digest of a missing file.
    pub(crate) const UNKNOWN: &str = "unknown";

    /// Returns the same start with another seed for new weights.
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
