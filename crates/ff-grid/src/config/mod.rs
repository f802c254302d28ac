//! A table as its configuration file states it.

mod check;
mod cluster;
mod landscape;
mod merging;
mod study;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ff_data::{Augment, DatasetConfig, OnBadImage, SplitRule};
use ff_eval::Metric;
use ff_models::{Architecture, Precision};
use ff_soup::{Accept, Hierarchy, Policy};
use ff_train::{ResumeEvery, SelectBy, TaskWeights};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::catalog::loader_threads;
use crate::{DataSource, WeightsSource};

pub use check::check_name;
pub use cluster::{ClusterConfig, Resources};
pub(crate) use landscape::FIELDS;
pub use landscape::{ConnectivityConfig, Curves, LandscapeConfig, PlaneConfig, TriesConfig};
pub use merging::{MergeDeparture, MergeMethod, MergeSettings, MergingConfig, StageConfig, Sweep};
pub use study::{Study, StudyKind};

/// A table: backbones × datasets × methods, and how their models are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `soups`; the default.
    #[serde(default)]
    pub kind: StudyKind,
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
    /// In-model merging in every fine-tuning and cyclic run, with each backbone's L_s. Absent: none (the paper).
    pub inmerge: Option<MergeSettings>,
    /// Rows of the table.
    pub method: Vec<MethodConfig>,
    /// Error surfaces. Absent: none.
    pub landscape: Option<LandscapeConfig>,
    /// Linear mode connectivity. Absent: not looked at.
    pub connectivity: Option<ConnectivityConfig>,
    /// What lay between greedy soups and their candidates. Absent: not looked at.
    pub tries: Option<TriesConfig>,
    /// How test scores are reported.
    pub evaluation: EvaluationConfig,
    /// How to run it.
    #[serde(default)]
    pub run: RunConfig,
}

/// A pretrained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneConfig {
    /// Its name in the table.
    pub name: String,
    /// Its architecture, under timm's name.
    pub architecture: Architecture,
    /// Where its weights come from: a `.safetensors` file, a Hugging Face id such as `timm/resnet50.a1_in1k`,
    /// `pretrain` (the source domain of `[pretrain]`) or `random`.
    pub weights: WeightsSource,
    /// L_s of in-model merging: the first convolutions, which are not merged. Wanted where there is merging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shallow_layers: Option<usize>,
}

/// A dataset to fine-tune on, with its out-of-distribution companions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetEntry {
    /// Its name in the table.
    pub name: String,
    /// What models are selected by, and scored with.
    pub metric: Metric,
    /// Where its images are.
    pub source: DatasetConfig,
    /// How it is divided.
    pub split: SplitRule,
    /// The most pixels that the shorter side of an image may have: larger ones are shrunk once and kept on disk, and
    /// every run reads those. Of the other datasets in `ood` too. Absent: images are decoded at their full size each
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
    /// What each task of a multilabel dataset counts in the loss: `equal`, or `rarity` (FissionFusion's code).
    #[serde(default, skip_serializing_if = "TaskWeights::is_equal")]
    pub task_weights: TaskWeights,
    /// Sizes to plan with while the data is not there.
    pub expected: Option<Expected>,
    /// The column of the paper's table that this is, if it is one: of FissionFusion's Table 1, or a dataset of InMerge's.
    pub paper_column: Option<String>,
    /// Other datasets with the same classes or tasks, to test on only.
    #[serde(default)]
    pub ood: Vec<OodEntry>,
}

/// Numbers of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// To train on.
    pub train: usize,
    /// To select on.
    pub val: usize,
    /// To test on.
    pub test: usize,
}

/// A dataset from elsewhere with the classes of the one it belongs to, or tasks in common with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OodEntry {
    /// Its name in the table.
    pub name: String,
    /// Where its images are.
    pub source: DatasetConfig,
    /// Which of them are tested on: the test split of this rule; if absent, the dataset's own, or all images.
    pub split: Option<SplitRule>,
    /// Classes of the model that this dataset does not tell apart, and the class of its own that each counts as: `{ "4" =
    /// "3" }`. Their probabilities are added up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub merge: BTreeMap<String, String>,
}

/// What every model has in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Side of the images.
    pub px: u32,
    /// Type to compute in.
    pub precision: Precision,
    /// Images in a training step.
    pub batch_size: usize,
    /// Weight decay: AdamW's, decoupled; SGD's, as an L2 penalty.
    pub weight_decay: f64,
}

/// Training from scratch on a source domain, in place of ImageNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// The source domain.
    pub source: DatasetConfig,
    /// How it is divided.
    pub split: SplitRule,
    /// As for a dataset to fine-tune on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
    /// Passes over the training images.
    pub epochs: u32,
    /// AdamW's learning rate, cosine to 0.
    pub learning_rate: f64,
    /// Training augmentation.
    pub augment: Augment,
    /// Seed of initialisation, order and augmentation.
    pub seed: u64,
}

/// The linear probe (SPEC: θ₀).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub bn_drift: bool,
}

/// Full fine-tuning (LP-FT).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridConfig {
    /// AdamW's learning rates.
    pub learning_rates: Vec<f64>,
    /// Training augmentations.
    pub augmentations: Vec<Augment>,
    /// Seeds of order and augmentation.
    pub seeds: Vec<u64>,
    /// So many of its models, the best on validation, are scored on test images and elsewhere as the rows are, for the
    /// report's figure (FissionFusion, Fig. 3: five). They take no part in anything else.
    #[serde(default, skip_serializing_if = "is_none")]
    pub top_models: usize,
}

/// Fast Geometric Generation: one base for each learning rate, and a cyclic run from each base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FggConfig {
    /// AdamW's learning rates of the bases.
    pub learning_rates: Vec<f64>,
    /// Augmentation of bases and cyclic runs.
    pub augment: Augment,
    /// The same with these augmentations too, for methods whose pool is `fgg-all`. They take no part in the pool `fgg`.
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
    /// α₂: the rate in the middle of a cycle, where a model is captured.
    pub lr_min: f64,
    /// The part of a cycle that a run starts with behind it: 0 as the formula, 0.25 as the authors' code.
    pub phase: f64,
    /// Go on with the base's AdamW moments, as the authors' code does.
    pub carry_optimizer: bool,
}

/// A row of the table: which models, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// Its name in the table.
    pub name: String,
    /// The models it may use.
    pub pool: Pool,
    /// What it makes of them.
    pub select: Selection,
    /// The models of runs that diverged after good epochs.
    #[serde(default, skip_serializing_if = "Diverged::is_keep")]
    pub diverged: Diverged,
    /// The BatchNorm statistics of what it averages.
    #[serde(default)]
    pub bn: BnStatistics,
    /// The row of the paper's Table 1 that this is, if it is one.
    pub paper_row: Option<String>,
}

/// What becomes of BatchNorm's running statistics in an average of models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BnStatistics {
    /// They are averaged like weights (the authors' code).
    #[default]
    Averaged,
    /// They are computed anew for each candidate, in a pass over the training images without augmentation.
    Recalibrate,
}

/// What becomes of the models that a run left before it diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Diverged {
    /// They are models like others: the best epoch on validation before the divergence (the paper), and the captures.
    #[default]
    Keep,
    /// They are left out.
    Drop,
}

impl Diverged {
    /// True for [`Diverged::Keep`].
    pub(crate) fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

/// The models a method may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The grid search's.
    Grid,
    /// Fast Geometric Generation's: the bases and everything captured from them.
    Fgg,
    /// Those, and the same with every augmentation of `fgg.also_augment`.
    FggAll,
}

/// What a method makes of its models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// The best single model on validation.
    Best {
        /// The second best and so on, from 1, in its place.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        rank: usize,
    },
    /// The mean of all.
    Uniform {},
    /// The greedy soup.
    Greedy {
        /// When a model is kept.
        #[serde(default)]
        accept: Accept,
    },
    /// Greedy over the uniform soups of the groups that share a field.
    Gou {
        /// The field.
        by: String,
    },
    /// Greedy over the greedy soups of the groups that share a field.
    Gog {
        /// The field.
        by: String,
    },
    /// Any tree over recipe fields, top level first.
    Hierarchy {
        /// Fields to group by.
        levels: Vec<String>,
        /// How parts become one: one more than there are levels.
        policies: Vec<Policy>,
    },
}

/// How test scores are reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Bootstrap resamples of a 95 % interval; 0 for none.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// How to run a table. None of it is part of a result's recipe. `threads` (as the device) can change the last bits of
/// weights, since libtorch adds up in another order; the rest changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Jobs at once, each with an equal share of the cores. 0: one for each core for images of up to 64 px on
    /// the CPU, else one.
    pub workers: usize,
    /// Threads that libtorch uses in each job. 0: the cores, divided among the workers.
    pub threads: usize,
    /// Threads that load images, for each job. 0: load in the training thread. Absent: one on the CPU, beside a GPU all but one of
    /// the job's `threads`.
    pub loader_threads: Option<usize>,
    /// Least time between resume points of a run of training.
    pub resume_minutes: f64,
    /// Steps between resume points, instead of a time.
    pub resume_steps: Option<usize>,
    /// A process on another machine that gave no sign of life for so long counts as gone, and its jobs are taken over.
    pub lease_seconds: f64,
    /// What an unreadable image does.
    pub on_bad_image: OnBadImage,
    /// Whether weights that were trained on the same images in another division may be used (`--allow-other-split`); every
    /// result then says so.
    pub allow_other_split: bool,
    /// Memory for decoded images, shared by all datasets of the table that are not shrunk.
    pub cache_mib: usize,
    /// What jobs ask of a cluster's scheduler.
    pub cluster: ClusterConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            threads: 0,
            loader_threads: None,
            resume_minutes: 5.0,
            resume_steps: None,
            lease_seconds: 60.0,
            on_bad_image: OnBadImage::Error,
            allow_other_split: false,
            cache_mib: 512,
            cluster: ClusterConfig::default(),
        }
    }
}

impl DatasetEntry {
    /// The dataset itself.
    pub fn data(&self) -> DataSource {
        DataSource { source: self.source.clone(), split: Some(self.split.clone()), shrink_px: self.shrink_px }
    }

    /// One of its companions.
    pub fn data_of(&self, other: &OodEntry) -> DataSource {
        DataSource { source: other.source.clone(), split: other.split.clone(), shrink_px: self.shrink_px }
    }
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

impl PretrainConfig {
    /// The source domain.
    pub fn data(&self) -> DataSource {
        DataSource { source: self.source.clone(), split: Some(self.split.clone()), shrink_px: self.shrink_px }
    }
}

fn first() -> usize {
    1
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

fn is_first(rank: &usize) -> bool {
    *rank == 1
}

impl Selection {
    /// The place of the single model that it is among the others, from 1.
    pub(crate) fn rank(&self) -> usize {
        match self {
            Self::Best { rank } => *rank,
            _ => 1,
        }
    }

    /// The hierarchy of soups that it is; `None` for the best single model.
    pub fn hierarchy(&self) -> Option<Hierarchy> {
        Some(match self {
            Self::Best { .. } => return None,
            Self::Uniform {} => Hierarchy::uniform(),
            &Self::Greedy { accept } => {
                Hierarchy { levels: vec![], policies: vec![Policy::Greedy { accept }] }
            }
            Self::Gou { by } => Hierarchy::greedy_of_uniform(by),
            Self::Gog { by } => Hierarchy::greedy_of_greedy(by),
            Self::Hierarchy { levels, policies } => {
                Hierarchy { levels: levels.clone(), policies: policies.clone() }
            }
        })
    }
}

impl RunConfig {
    /// How often a run of training writes a resume point.
    pub fn resume_every(&self) -> ResumeEvery {
        match self.resume_steps {
            Some(steps) => ResumeEvery::Steps(steps),
            None => ResumeEvery::Time(seconds(self.resume_minutes * 60.0)),
        }
    }

    /// Threads that libtorch uses in each of so many jobs at once.
    pub fn threads_each(&self, cores: usize, workers: usize) -> usize {
        match self.threads {
            0 => (cores / workers).max(1),
            threads => threads,
        }
    }

    /// Threads that load images, of a job on that device whose libtorch uses `threads`.
    pub fn loaders_each(&self, device: Device, threads: usize) -> usize {
        self.loader_threads.unwrap_or_else(|| loader_threads(device, threads))
    }

    /// How long an owner of a job may give no sign of life.
    pub fn lease(&self) -> Duration {
        seconds(self.lease_seconds)
    }
}

/// More than there will ever be counts as for ever.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

impl Config {
    /// The rows of the table, then the grid's single models ([`GridConfig::top_models`]), which are no rows.
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

    /// Datasets of the table by name, those that are only pretrained or tested on included.
    fn sources(&self) -> Vec<(String, DataSource)> {
        let pretrain = self.pretrain.iter().map(|section| ("pretrain".to_owned(), section.data()));
        let of_entry = self.dataset.iter().flat_map(|entry| {
            let ood = entry.ood.iter().map(|other| (other.name.clone(), entry.data_of(other)));
            std::iter::once((entry.name.clone(), entry.data())).chain(ood)
        });
        pretrain.chain(of_entry).collect()
    }

    /// The folder of this table's results below the runs folder.
    pub fn folder(&self, runs: &Path) -> PathBuf {
        runs.join("tables").join(&self.name)
    }
}
