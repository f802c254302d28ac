//! A table of soups as its configuration file states it.

use ff_data::Augment;
use ff_train::SelectBy;
use itertools::iproduct;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::landscape_config::{ConnectivityConfig, GreedyBarriersConfig, LandscapeConfig};
use crate::config::{
    BackboneConfig, DatasetEntry, EvaluationConfig, InmergeSettings, ModelConfig, PretrainConfig, RunConfig,
};
use crate::job::{BnStatistics, Diverged, Pool, Selection, group_fields, is_default, model_name};

/// What `kind` says in the file of a table of soups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SoupsKind {
    /// `soups`.
    #[default]
    Soups,
}

/// A table: backbones × datasets × methods, and how their models are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoupsConfig {
    /// `soups`; the default.
    #[serde(default)]
    pub kind: SoupsKind,
    /// Names the results' folder.
    pub name: String,
    /// Pretrained networks.
    pub backbone: Vec<BackboneConfig>,
    /// Datasets to fine-tune on.
    pub dataset: Vec<DatasetEntry>,
    /// Image size and precision of every model.
    pub model: ModelConfig,
    /// Pretraining on a source domain, for backbones with `weights = "pretrain"`.
    pub pretrain: Option<PretrainConfig>,
    /// The linear probe that every run starts from (θ₀).
    pub probe: ProbeConfig,
    /// Full fine-tuning.
    pub finetune: FinetuneConfig,
    /// The grid search.
    pub grid: GridConfig,
    /// Fast Geometric Generation.
    pub fgg: FggConfig,
    /// In-model merging in every fine-tuning and cyclic run, with each backbone's L_s. Absent: none
    /// (the paper).
    pub inmerge: Option<InmergeSettings>,
    /// Rows of the table.
    pub method: Vec<MethodConfig>,
    /// Error surfaces. Absent: none.
    pub landscape: Option<LandscapeConfig>,
    /// Linear mode connectivity. Absent: not looked at.
    pub connectivity: Option<ConnectivityConfig>,
    /// What lay between greedy soups and their candidates. Absent: not looked at.
    #[serde(alias = "tries")]
    pub greedy_barriers: Option<GreedyBarriersConfig>,
    /// How test scores are reported.
    pub evaluation: EvaluationConfig,
    /// How to run it.
    #[serde(default)]
    pub run: RunConfig,
}

/// The linear probe (SPEC: θ₀).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// AdamW's learning rate, cosine to 0.
    pub learning_rate: f64,
    /// Training augmentation.
    pub augment: Augment,
    /// Seed of the new classifier, order and augmentation.
    pub seed: u64,
    /// Let frozen BatchNorm statistics follow the training images, as the authors' code does.
    #[serde(alias = "bn_drift")]
    pub update_bn_stats: bool,
}

/// Full fine-tuning (LP-FT).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// How the kept epoch is chosen.
    pub select_by: SelectBy,
    /// Stop after that many epochs without a lower validation loss. Absent: never.
    pub early_stopping_epochs: Option<u32>,
}

/// The grid search: every combination is a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridConfig {
    /// AdamW's learning rates.
    pub learning_rates: Vec<f64>,
    /// Training augmentations.
    pub augmentations: Vec<Augment>,
    /// Seeds of order and augmentation.
    pub seeds: Vec<u64>,
    /// So many of its models, the best on validation, are scored on test images and elsewhere as
    /// the rows are, for the report's figure (FissionFusion, Fig. 3: five). They take no part in
    /// anything else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub top_models: usize,
}

/// Fast Geometric Generation: one base for each learning rate, and a cyclic run from each base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FggConfig {
    /// AdamW's learning rates of the bases.
    pub learning_rates: Vec<f64>,
    /// Augmentation of bases and cyclic runs.
    pub augment: Augment,
    /// The same with these augmentations too, for methods whose pool is `fgg-all`. They take no
    /// part in the pool `fgg`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_augment: Vec<Augment>,
    /// Seed of bases and cyclic runs.
    pub seed: u64,
    /// Length of a cyclic run.
    pub epochs: u32,
    /// c: length of a cycle.
    pub epochs_per_cycle: u32,
    /// α₁: the rate at a cycle's ends.
    pub lr_max: f64,
    /// α₂: the rate in the middle of a cycle, where a snapshot is taken.
    pub lr_min: f64,
    /// The part of a cycle that a run starts with behind it: 0 as the formula, 0.25 as the authors'
    /// code.
    pub phase: f64,
    /// Go on with the base's AdamW moments, as the authors' code does.
    pub carry_optimizer: bool,
}

impl FggConfig {
    /// The augmentations of a pool's bases; the grid has none.
    pub(crate) fn augmentations(&self, pool: Pool) -> Vec<Augment> {
        match pool {
            Pool::Grid => Vec::new(),
            Pool::Fgg => vec![self.augment],
            Pool::FggAll => std::iter::once(self.augment).chain(self.also_augment.iter().copied()).collect(),
        }
    }
}

/// A row of the table: which models, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// Its name in the table.
    pub name: String,
    /// The models it may use.
    pub pool: Pool,
    /// What it makes of them.
    pub select: Selection,
    /// The models of runs that diverged after good epochs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diverged: Diverged,
    /// The BatchNorm statistics of what it averages.
    #[serde(default)]
    pub bn: BnStatistics,
    /// The row of the paper's Table 1 that this is, if it is one.
    pub paper_row: Option<String>,
}

impl SoupsConfig {
    /// The rows of the table, then the grid's single models ([`GridConfig::top_models`]), which are
    /// no rows.
    pub(crate) fn methods_and_singles(&self) -> Vec<MethodConfig> {
        let single = |rank: usize| MethodConfig {
            name: format!("model {rank} of the grid"),
            pool: Pool::Grid,
            select: Selection::Best { rank },
            diverged: Diverged::Keep,
            bn: BnStatistics::Averaged,
            paper_row: None,
        };
        self.method.iter().cloned().chain((1..=self.grid.top_models).map(single)).collect()
    }
}

impl GridConfig {
    /// The grid's models: name, and values of seed, augmentation and learning rate by their place
    /// in the lists; in the order of the pool.
    pub(crate) fn models(&self) -> Vec<(String, [usize; 3])> {
        let values = iproduct!(
            self.augmentations.iter().enumerate(),
            self.learning_rates.iter().enumerate(),
            self.seeds.iter().enumerate()
        );
        let name = |rate, augment, seed| model_name(&group_fields(rate, augment, seed), None);
        values.map(|((a, &augment), (r, &rate), (s, &seed))| (name(rate, augment, seed), [s, a, r])).collect()
    }
}

/// What runs of a grid differ in, in the order of [`GridConfig::models`].
pub(crate) const FIELDS: [&str; 3] = ["seed", "augmentation", "learning rate"];
