//! What tables of every kind state: backbones, datasets, the form of all models.

use std::collections::BTreeMap;

use ff_data::{Augment, DatasetConfig, SplitRule};
use ff_eval::Metric;
use ff_models::{Architecture, Precision};
use ff_train::TaskWeights;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::RunConfig;
use super::weights::WeightsSource;
use crate::job::DataSource;

/// What every experiment states.
pub struct Common<'a> {
    /// The name of its table and its folder.
    pub name: &'a str,
    /// What all its models have in common.
    pub model: &'a ModelConfig,
    /// Pretraining on a source domain, if some backbone starts there.
    pub pretrain: Option<&'a PretrainConfig>,
    /// How test scores are reported.
    pub evaluation: &'a EvaluationConfig,
    /// How to run it.
    pub run: &'a RunConfig,
}

/// A pretrained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackboneConfig {
    /// Its name in the table.
    pub name: String,
    /// Its architecture, under timm's name.
    pub architecture: Architecture,
    /// Where its weights come from: a `.safetensors` file, a Hugging Face id such as
    /// `timm/resnet50.a1_in1k`, `pretrain` (the source domain of `[pretrain]`) or `random`.
    pub weights: WeightsSource,
    /// L_s of in-model merging: the first convolutions, which are not merged. Wanted where there is
    /// merging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shallow_layers: Option<usize>,
}

/// A dataset to fine-tune on, with its out-of-distribution companions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The most pixels that the shorter side of an image may have: larger ones are shrunk once and
    /// kept on disk, and every run reads those. Of the other datasets in `ood` too. Absent: images
    /// are decoded at their full size each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink_px: Option<u32>,
    /// What each task of a multilabel dataset counts in the loss: `equal`, or `rarity`
    /// (FissionFusion's code).
    #[serde(default, skip_serializing_if = "TaskWeights::is_equal")]
    pub task_weights: TaskWeights,
    /// Sizes to plan with while the data is not there.
    pub expected: Option<Expected>,
    /// The column of the paper's table that this is, if it is one: of FissionFusion's Table 1, or a
    /// dataset of InMerge's.
    pub paper_column: Option<String>,
    /// Other datasets with the same classes or tasks, to test on only.
    #[serde(default)]
    pub ood: Vec<OodEntry>,
}

/// Numbers of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// To train on.
    pub train: usize,
    /// To select on.
    pub val: usize,
    /// To test on.
    pub test: usize,
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

/// A dataset from elsewhere with the classes of the one it belongs to, or tasks in common with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OodEntry {
    /// Its name in the table.
    pub name: String,
    /// Where its images are.
    pub source: DatasetConfig,
    /// Which of them are tested on: the test split of this rule; if absent, the dataset's own, or
    /// all images.
    pub split: Option<SplitRule>,
    /// Classes of the model that this dataset does not tell apart, and the class of its own that
    /// each counts as: `{ "4" = "3" }`. Their probabilities are added up.
    #[serde(default, alias = "merge", skip_serializing_if = "BTreeMap::is_empty")]
    pub merge_classes: BTreeMap<String, String>,
}

/// What every model has in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Side of the images.
    #[serde(alias = "px")]
    pub image_size: u32,
    /// Type to compute in.
    pub precision: Precision,
    /// Images in a training step.
    pub batch_size: usize,
    /// Weight decay: AdamW's, decoupled; SGD's, as an L2 penalty.
    pub weight_decay: f64,
}

/// Training from scratch on a source domain, in place of ImageNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl PretrainConfig {
    /// The source domain.
    pub fn data(&self) -> DataSource {
        DataSource { source: self.source.clone(), split: Some(self.split.clone()), shrink_px: self.shrink_px }
    }
}

/// How test scores are reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Bootstrap resamples of a 95 % interval; 0 for none.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
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
