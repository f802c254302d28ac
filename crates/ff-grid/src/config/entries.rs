//! Sections that tables of every kind have: backbones, datasets, the settings of all models.

use std::collections::BTreeMap;

use ff_data::datasets::PhantomConfig;
use ff_data::{Augment, DatasetConfig, PhantomKind, SplitRule};
use ff_eval::Metric;
use ff_models::{Architecture, Normalisation, Precision};
use ff_train::TaskWeights;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::RunConfig;
use super::weights::WeightsSource;
use crate::job::DataSource;

/// The settings that experiments of every kind have.
pub struct Common<'a> {
    /// The name of its table and its folder.
    pub name: &'a str,
    /// Settings that all its models share.
    pub model: &'a ModelConfig,
    /// Pretraining on a source dataset, if some backbone starts there.
    pub pretrain: Option<&'a PretrainConfig>,
    /// How test scores are reported.
    pub evaluation: &'a EvaluationConfig,
    /// How to run it.
    pub run: &'a RunConfig,
}

/// A network to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackboneConfig {
    /// Name in the table. Empty: the architecture's name.
    pub name: String,
    /// Architecture, by timm's name.
    pub architecture: Architecture,
    /// Where the weights come from: `pretrained` (the architecture's ImageNet weights on the
    /// Hugging Face hub), another id of the hub such as `timm/resnet50.a1_in1k`, a file of weights or
    /// a folder that holds one, `pretrain` (the model that `[pretrain]` trains) or `random`.
    pub weights: WeightsSource,
    /// L_s of in-model merging: the number of convolutions, from the first, that are not merged.
    /// Absent: InMerge's, 10 for VGG16 and VGG19, 30 for ResNet34. Other architectures need it for
    /// merging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shallow_layers: Option<usize>,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            architecture: Architecture::RESNET50,
            weights: WeightsSource::default(),
            shallow_layers: None,
        }
    }
}

/// A dataset to fine-tune on, with out-of-distribution datasets to test on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatasetEntry {
    /// Name in the table. Empty: the kind of `source`; `images` for a folder or a
    /// CSV.
    pub name: String,
    /// Metric that selects models and scores them: `accuracy`, `macro-f1`, `macro-recall`, `auroc`,
    /// `quadratic-kappa` or `log-loss`. Multilabel datasets need `auroc` or `log-loss`.
    pub metric: Metric,
    /// Where the images are, and in which form. Paths are relative to the data root.
    pub source: DatasetConfig,
    /// How images are split into train, val and test.
    pub split: SplitRule,
    /// Largest shorter side in pixels. Larger images are shrunk once to this side and kept on disk;
    /// every run reads the shrunk images, those of `ood` included. Absent: images are decoded at
    /// their full size each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
    /// Weight of each task of a multilabel dataset in the loss: `equal`, or `rarity`
    /// (FissionFusion's code).
    pub task_weights: TaskWeights,
    /// Numbers of images to plan with while the data is missing.
    pub expected: Option<Expected>,
    /// Column of the paper's table that this dataset reproduces: of FissionFusion's Table 1, or a
    /// dataset of InMerge's. The table then shows the published score beside each cell.
    pub paper_column: Option<String>,
    /// Out-of-distribution datasets with the same classes or tasks. They are only tested on.
    pub ood: Vec<OodEntry>,
}

impl Default for DatasetEntry {
    fn default() -> Self {
        Self {
            name: String::new(),
            metric: Metric::MacroF1,
            source: DatasetConfig::default(),
            split: SplitRule::default(),
            shrink_px: None,
            task_weights: TaskWeights::default(),
            expected: None,
            paper_column: None,
            ood: Vec::new(),
        }
    }
}

/// Numbers of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub val: usize,
    /// Test images.
    pub test: usize,
}

impl DatasetEntry {
    /// Its images.
    pub fn data(&self) -> DataSource {
        DataSource { source: self.source.clone(), split: Some(self.split.clone()), shrink_px: self.shrink_px }
    }

    /// The images of one of its out-of-distribution datasets.
    pub fn data_of(&self, other: &OodEntry) -> DataSource {
        DataSource { source: other.source.clone(), split: other.split.clone(), shrink_px: self.shrink_px }
    }
}

/// An out-of-distribution dataset: the same classes as the dataset that it belongs to, or tasks in
/// common with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OodEntry {
    /// Name in the table. Empty: the kind of `source`; `images` for a folder or a
    /// CSV.
    pub name: String,
    /// Where the images are, and in which form. Paths are relative to the data root.
    pub source: DatasetConfig,
    /// Rule whose test split is tested on. Absent: the dataset's own test split, or all images if
    /// it has none.
    pub split: Option<SplitRule>,
    /// Classes of the model that this dataset does not distinguish, each with the dataset's class
    /// that it counts as: `{ "4" = "3" }` adds the probability of 4 to that of 3.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub merge_classes: BTreeMap<String, String>,
}

/// Settings that all models share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Side of the images that the model sees, in pixels.
    pub image_size: u32,
    /// Type to compute in: `fp32`, `tf32` or `bf16`.
    pub precision: Precision,
    /// How images are normalised, such as `{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }`: RGB, of
    /// pixels from 0 to 1. Absent: as the architecture's published weights have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// Images in a training step.
    pub batch_size: usize,
    /// Weight decay: decoupled in AdamW, an L2 penalty in SGD.
    pub weight_decay: f64,
}

impl ModelConfig {
    /// How the images of an architecture are normalised.
    pub(crate) fn normalisation(&self, architecture: Architecture) -> Normalisation {
        self.normalisation.unwrap_or(architecture.normalisation)
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            precision: Precision::Fp32,
            normalisation: None,
            batch_size: 128,
            weight_decay: 0.01,
        }
    }
}

/// Training from scratch on a source dataset, in place of ImageNet weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainConfig {
    /// Where the images of the source dataset are, and in which form. By default the program draws
    /// them.
    pub source: DatasetConfig,
    /// How its images are split.
    pub split: SplitRule,
    /// Largest shorter side in pixels, as for a dataset to fine-tune on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a training step. Absent: that of `[model]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// AdamW's first learning rate, which falls to 0 along a cosine.
    pub learning_rate: f64,
    /// Training augmentation.
    pub augment: Augment,
    /// Seed of initialisation, of the order of the images and of augmentation.
    pub seed: u64,
}

/// Procedural images and a few epochs: enough to try a table where there are no ImageNet weights.
impl Default for PretrainConfig {
    fn default() -> Self {
        let source = PhantomConfig {
            task: PhantomKind::Source,
            train: 6000,
            val: 300,
            test: 0,
            seed: 1,
            ..PhantomConfig::default()
        };
        Self {
            source: DatasetConfig::Phantom(source),
            split: SplitRule::default(),
            shrink_px: None,
            epochs: 8,
            batch_size: None,
            learning_rate: 1e-3,
            augment: Augment::Minimal,
            seed: 0,
        }
    }
}

impl PretrainConfig {
    /// The images of the source dataset.
    pub fn data(&self) -> DataSource {
        DataSource { source: self.source.clone(), split: Some(self.split.clone()), shrink_px: self.shrink_px }
    }
}

/// How test scores are reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Bootstrap resamples of a 95 % interval. 0: no interval.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// The datasets of a table by name, those that are only pretrained or tested on included.
pub(crate) fn sources(
    pretrain: Option<&PretrainConfig>,
    datasets: &[DatasetEntry],
) -> Vec<(String, DataSource)> {
    let pretrain = pretrain.map(|section| ("pretrain".to_owned(), section.data()));
    let of_entry = datasets.iter().flat_map(|entry| {
        let ood = entry.ood.iter().map(|other| (other.name.clone(), entry.data_of(other)));
        std::iter::once((entry.name.clone(), entry.data())).chain(ood)
    });
    pretrain.into_iter().chain(of_entry).collect()
}
