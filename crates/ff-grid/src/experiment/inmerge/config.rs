//! An experiment with in-model merging as its configuration file states it.

use ff_data::Augment;
use ff_inmerge::{InMerge, Pairs};
use ff_models::Architecture;
use ff_train::{LrSchedule, SelectBy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{
    BackboneConfig, DatasetEntry, EvaluationConfig, InmergeSettings, ModelConfig, PretrainConfig, RunConfig,
    fill, resolve_backbones, resolve_datasets, resolve_shallow_layers,
};
use crate::error::Error;

/// What `kind` says in the file of a table of in-model merging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InmergeKind {
    /// `inmerge`.
    #[default]
    Inmerge,
}

/// A table of in-model merging: backbones × datasets × methods × seeds. With one seed every method
/// starts from the same network, the one that the first stage kept, and trains for the same number
/// of epochs: methods differ in the merging alone, and share the first stage's cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InmergeConfig {
    /// `inmerge`.
    pub kind: InmergeKind,
    /// Name of the results' folder. Empty: the name of the configuration file, without `.toml`.
    pub name: String,
    /// Seeds of new weights, of the order of the images, of augmentation and of merging; each is a
    /// run of its own.
    pub seeds: Vec<u64>,
    /// Networks to start from.
    pub backbone: Vec<BackboneConfig>,
    /// Datasets to train on.
    pub dataset: Vec<DatasetEntry>,
    /// Settings that all models share.
    pub model: ModelConfig,
    /// Pretraining on a source dataset, for backbones with `weights = "pretrain"`.
    pub pretrain: Option<PretrainConfig>,
    /// The first stage: training without merging.
    pub training: StageConfig,
    /// The second stage, which continues from the first stage's kept model, with merging or, for
    /// the baseline, without.
    pub merging: StageConfig,
    /// Settings of in-model merging, which a method or a sweep may override.
    pub inmerge: InmergeSettings,
    /// Rows of the table; the first without merging is the baseline.
    pub method: Vec<InmergeMethod>,
    /// Settings to run at several values: a figure for each setting, and a row of the table for
    /// each value.
    pub sweep: Vec<Sweep>,
    /// How test scores are reported.
    pub evaluation: EvaluationConfig,
    /// How to run the jobs. Finished jobs stay valid when you change this section.
    pub run: RunConfig,
}

/// InMerge's Table 1 (§3.1) with VGG19, on images of one's own.
impl Default for InmergeConfig {
    fn default() -> Self {
        let row = |name: &str, inmerge| InmergeMethod {
            name: name.to_owned(),
            inmerge,
            paper_row: Some(name.to_owned()),
        };
        let backbone = BackboneConfig { architecture: Architecture::VGG19, ..BackboneConfig::default() };
        Self {
            kind: InmergeKind::default(),
            name: String::new(),
            seeds: vec![0],
            backbone: vec![backbone],
            dataset: vec![DatasetEntry::default()],
            model: ModelConfig { batch_size: 324, weight_decay: 1e-4, ..ModelConfig::default() },
            pretrain: None,
            training: StageConfig::default(),
            merging: StageConfig { epochs: 10, ..StageConfig::default() },
            inmerge: InmergeSettings::default(),
            method: vec![row("Baseline", None), row("InMerge", Some(InmergeOverride::default()))],
            sweep: Vec::new(),
            evaluation: EvaluationConfig::default(),
            run: RunConfig::default(),
        }
    }
}

impl InmergeConfig {
    /// Fills in what depends on other keys: names and L_s. `name` is the table's where the
    /// file gives none.
    pub(super) fn resolve(&mut self, name: &str) -> Result<(), Error> {
        fill(&mut self.name, name);
        resolve_backbones(&mut self.backbone, true)?;
        resolve_datasets(&mut self.dataset);
        resolve_shallow_layers(&mut self.backbone);
        Ok(())
    }

    /// Every row of the table: the methods, then the points of the sweeps.
    pub fn rows(&self) -> Vec<InmergeMethod> {
        let points = self.sweep.iter().flat_map(|sweep| {
            sweep.points().into_iter().map(|(point, departure)| InmergeMethod {
                name: sweep.row(&point),
                inmerge: Some(departure),
                paper_row: None,
            })
        });
        self.method.iter().cloned().chain(points).collect()
    }

    /// The merging of a row on a backbone, if it merges.
    pub fn inmerge(&self, row: &InmergeMethod, backbone: &BackboneConfig) -> Option<InMerge> {
        row.inmerge.map(|departure| departure.from(self.inmerge.of(backbone)))
    }

    /// Which of the rows the others are compared with: the first that does not merge.
    pub fn baseline(&self) -> Option<usize> {
        self.method.iter().position(|method| method.inmerge.is_none())
    }
}

/// A stage of training, with SGD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// Training augmentation.
    pub augment: Augment,
    /// SGD's momentum.
    pub momentum: f64,
    /// The learning rate over the stage.
    pub schedule: LrSchedule,
    /// How the stage's kept epoch is chosen: the best validation `metric`, or the lowest validation
    /// `loss`.
    pub select_by: SelectBy,
}

/// InMerge §3.1, ChestX-ray14.
impl Default for StageConfig {
    fn default() -> Self {
        Self {
            epochs: 30,
            augment: Augment::Flip,
            momentum: 0.9,
            schedule: LrSchedule::ReduceOnPlateau { lr: 0.01, factor: 0.1, patience_epochs: 8 },
            select_by: SelectBy::default(),
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InmergeMethod {
    /// Name in the table.
    pub name: String,
    /// Settings that override `[inmerge]` and the backbone's L_s; `{}` overrides none. Absent: no
    /// merging.
    pub inmerge: Option<InmergeOverride>,
    /// Row of the paper's tables that this method reproduces. The table then shows the published
    /// score beside each cell.
    pub paper_row: Option<String>,
}

/// Settings that override those of the experiment. Absent: the experiment's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InmergeOverride {
    /// L_s: the number of convolutions, from the first, that are not merged.
    pub shallow_layers: Option<usize>,
    /// α, from 0 to 1.
    pub merge_weight: Option<f64>,
    /// p, from 0 to 1.
    pub merge_probability: Option<f64>,
    /// τ, from −1 to 1.
    pub similarity_threshold: Option<f64>,
    /// Pairs to merge: `similar` or `dissimilar`.
    pub pairs: Option<Pairs>,
}

impl InmergeOverride {
    fn from(&self, usual: InMerge) -> InMerge {
        InMerge {
            shallow_layers: self.shallow_layers.unwrap_or(usual.shallow_layers),
            merge_weight: self.merge_weight.unwrap_or(usual.merge_weight),
            merge_probability: self.merge_probability.unwrap_or(usual.merge_probability),
            similarity_threshold: self.similarity_threshold.unwrap_or(usual.similarity_threshold),
            pairs: self.pairs.unwrap_or(usual.pairs),
        }
    }
}

/// One setting at several values (InMerge, Fig. 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(tag = "parameter", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Sweep {
    /// L_s.
    ShallowLayers {
        /// Values to run.
        #[serde(default = "shallow_layers")]
        values: Vec<usize>,
    },
    /// τ.
    SimilarityThreshold {
        /// Values to run.
        #[serde(default = "thresholds")]
        values: Vec<f64>,
        /// Add a point that merges the pairs that the `[inmerge]` section's τ excludes.
        #[serde(default)]
        dissimilar: bool,
    },
    /// α.
    MergeWeight {
        /// Values to run.
        #[serde(default = "weights")]
        values: Vec<f64>,
    },
    /// p.
    MergeProbability {
        /// Values to run.
        #[serde(default = "probabilities")]
        values: Vec<f64>,
    },
}

/// InMerge, Fig. 2a.
fn shallow_layers() -> Vec<usize> {
    vec![0, 5, 10, 15]
}

/// InMerge, Fig. 2b.
fn thresholds() -> Vec<f64> {
    vec![0.1, 0.3, 0.5, 0.7]
}

/// InMerge, Fig. 2c. The paper's text does not give the values; these are evenly spread.
fn weights() -> Vec<f64> {
    vec![0.2, 0.4, 0.6, 0.8]
}

/// InMerge, Fig. 2d, as [`weights`].
fn probabilities() -> Vec<f64> {
    vec![0.1, 0.3, 0.5, 0.7]
}

impl Sweep {
    /// The paper's symbol of the setting.
    pub fn symbol(&self) -> &'static str {
        match self {
            Self::ShallowLayers { .. } => "L_s",
            Self::SimilarityThreshold { .. } => "τ",
            Self::MergeWeight { .. } => "α",
            Self::MergeProbability { .. } => "p",
        }
    }

    /// The setting's key in a configuration.
    pub fn parameter(&self) -> &'static str {
        self.into()
    }

    /// Each value as it is printed, and the departure that it is.
    pub fn points(&self) -> Vec<(String, InmergeOverride)> {
        let usual = InmergeOverride::default();
        match self {
            Self::ShallowLayers { values } => {
                each(values, |value| InmergeOverride { shallow_layers: Some(value), ..usual })
            }
            Self::SimilarityThreshold { values, dissimilar } => {
                let other = InmergeOverride { pairs: Some(Pairs::Dissimilar), ..usual };
                let own =
                    each(values, |value| InmergeOverride { similarity_threshold: Some(value), ..usual });
                dissimilar.then(|| ("dissimilar".to_owned(), other)).into_iter().chain(own).collect()
            }
            Self::MergeWeight { values } => {
                each(values, |value| InmergeOverride { merge_weight: Some(value), ..usual })
            }
            Self::MergeProbability { values } => {
                each(values, |value| InmergeOverride { merge_probability: Some(value), ..usual })
            }
        }
    }

    /// The name of a value's row.
    pub fn row(&self, point: &str) -> String {
        format!("{} = {point}", self.symbol())
    }
}

/// Each value as it is printed, and the departure that it is.
fn each<V: Copy + ToString>(
    values: &[V],
    departure: impl Fn(V) -> InmergeOverride,
) -> Vec<(String, InmergeOverride)> {
    values.iter().map(|&value| (value.to_string(), departure(value))).collect()
}
