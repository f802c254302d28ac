//! An experiment with in-model merging as its configuration file states it.

use ff_data::Augment;
use ff_inmerge::{InMerge, Pairs};
use ff_train::{LrSchedule, SelectBy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{
    BackboneConfig, DatasetEntry, EvaluationConfig, InmergeSettings, ModelConfig, PretrainConfig, RunConfig,
};

/// What `kind` says in the file of a table of in-model merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InmergeKind {
    /// `inmerge`.
    Inmerge,
}

/// Backbones × datasets × methods × seeds. Every method goes on, for the same number of epochs,
/// from the same network: the one that the first stage kept with the same seed. So methods differ
/// in nothing but the merging, and share the first stage's cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InmergeConfig {
    /// `inmerge`.
    pub kind: InmergeKind,
    /// Names the results' folder.
    pub name: String,
    /// Seeds of new weights, order, augmentation and merging; each is a run of its own.
    pub seeds: Vec<u64>,
    /// Pretrained networks, each with its L_s.
    pub backbone: Vec<BackboneConfig>,
    /// Datasets to train on.
    pub dataset: Vec<DatasetEntry>,
    /// Image size and precision of every model.
    pub model: ModelConfig,
    /// Pretraining on a source domain, for backbones with `weights = "pretrain"`.
    pub pretrain: Option<PretrainConfig>,
    /// The first stage: backbone training, without merging.
    pub training: StageConfig,
    /// The second stage: with merging or, for the baseline, without.
    pub merging: StageConfig,
    /// The settings of merging that methods and sweeps depart from.
    pub inmerge: InmergeSettings,
    /// Rows of the table; the first without merging is the baseline.
    pub method: Vec<InmergeMethod>,
    /// Figures: one setting through several values. Each value is a row too.
    #[serde(default)]
    pub sweep: Vec<Sweep>,
    /// How test scores are reported.
    pub evaluation: EvaluationConfig,
    /// How to run it.
    #[serde(default)]
    pub run: RunConfig,
}

impl InmergeConfig {
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

/// A stage of training: SGD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// Training augmentation.
    pub augment: Augment,
    /// SGD's momentum.
    pub momentum: f64,
    /// The learning rate over the stage.
    pub schedule: LrSchedule,
    /// How the stage's kept epoch is chosen.
    pub select_by: SelectBy,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InmergeMethod {
    /// Its name in the table.
    pub name: String,
    /// Where it departs from `[inmerge]` and the backbone's L_s (`{}`: nowhere). Absent: no
    /// merging.
    pub inmerge: Option<InmergeOverride>,
    /// The row of the paper's tables that this is, if it is one.
    pub paper_row: Option<String>,
}

/// Settings that take the place of the study's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InmergeOverride {
    /// L_s.
    pub shallow_layers: Option<usize>,
    /// α.
    pub merge_weight: Option<f64>,
    /// p.
    pub merge_probability: Option<f64>,
    /// τ.
    pub similarity_threshold: Option<f64>,
    /// Which side of τ is merged.
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

/// One setting through several values (InMerge, Fig. 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(tag = "parameter", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case")]
pub enum Sweep {
    /// L_s.
    ShallowLayers {
        /// Its values.
        values: Vec<usize>,
    },
    /// τ.
    SimilarityThreshold {
        /// Its values.
        values: Vec<f64>,
        /// Another point before them: the pairs that the study's τ does not merge.
        dissimilar: bool,
    },
    /// α.
    MergeWeight {
        /// Its values.
        values: Vec<f64>,
    },
    /// p.
    MergeProbability {
        /// Its values.
        values: Vec<f64>,
    },
}

impl Sweep {
    /// The setting as it stands in the paper.
    pub fn symbol(&self) -> &'static str {
        match self {
            Self::ShallowLayers { .. } => "L_s",
            Self::SimilarityThreshold { .. } => "τ",
            Self::MergeWeight { .. } => "α",
            Self::MergeProbability { .. } => "p",
        }
    }

    /// The setting as it stands in a configuration.
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
