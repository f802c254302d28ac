//! How a soup job selects and averages models.

use ff_soup::{Accept, Hierarchy, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The models that a method selects from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The grid search's models.
    #[default]
    Grid,
    /// Fast Geometric Generation's models: the bases, and the snapshots of their cyclic runs.
    Fgg,
    /// Those of `fgg`, and the same with every augmentation of `fgg.also_augment`.
    FggAll,
}

/// How one model is made of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// The best single model on validation.
    Best {
        /// 1: the best, 2: the second best, and so on. Absent: 1.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        rank: usize,
    },
    /// The uniform soup: the mean of all models.
    Uniform {},
    /// The ensemble: the mean of the probabilities that all models predict, not of their weights. It
    /// shows what soups of these models approximate. Each image takes a prediction by every model,
    /// so it is never the model that is delivered or recommended.
    Ensemble {},
    /// The greedy soup: models are added best first, and each is kept if the validation score
    /// rises.
    Greedy {
        /// When a model is kept in the soup.
        #[serde(default)]
        accept: Accept,
    },
    /// Greedy of Uniform (FissionFusion §2): a uniform soup of each group, and a greedy soup of
    /// these.
    Gou {
        /// Field to group by: `learning_rate`, `augmentation`, `seed` or `snapshot`.
        #[serde(default = "by_learning_rate")]
        by: String,
    },
    /// Greedy of Greedy (FissionFusion §2): a greedy soup of each group, and a greedy soup of
    /// these.
    Gog {
        /// Field to group by: `learning_rate`, `augmentation`, `seed` or `snapshot`.
        #[serde(default = "by_learning_rate")]
        by: String,
    },
    /// Soups of soups, in groups by any fields.
    Hierarchy {
        /// Fields to group by, top level first: `learning_rate`, `augmentation`, `seed`, `snapshot`.
        #[serde(default)]
        levels: Vec<String>,
        /// How soups are made at each level, top level first. The last policy averages the models
        /// of the innermost groups, so there is one policy more than levels. Empty: greedy
        /// everywhere.
        #[serde(default)]
        policies: Vec<Policy>,
    },
}

impl Selection {
    /// True for the mean of the models' probabilities, which has no weights.
    pub fn is_ensemble(&self) -> bool {
        matches!(self, Self::Ensemble {})
    }

    /// True if several models are made into the weights of one.
    pub fn is_soup(&self) -> bool {
        !matches!(self, Self::Best { .. } | Self::Ensemble {})
    }

    /// The rank of the single model that is selected, from 1.
    pub(crate) fn rank(&self) -> usize {
        match self {
            Self::Best { rank } => *rank,
            _ => 1,
        }
    }

    /// The hierarchy of soups; `None` for a single model and for an ensemble.
    pub fn hierarchy(&self) -> Option<Hierarchy> {
        Some(match self {
            Self::Best { .. } | Self::Ensemble {} => return None,
            Self::Uniform {} => Hierarchy::uniform(),
            &Self::Greedy { accept } => {
                Hierarchy { levels: vec![], policies: vec![Policy::Greedy { accept }] }
            }
            Self::Gou { by } => Hierarchy::greedy_of_uniform(by),
            Self::Gog { by } => Hierarchy::greedy_of_greedy(by),
            Self::Hierarchy { levels, policies } if policies.is_empty() => {
                let greedy = Policy::Greedy { accept: Accept::default() };
                Hierarchy { levels: levels.clone(), policies: vec![greedy; levels.len() + 1] }
            }
            Self::Hierarchy { levels, policies } => {
                Hierarchy { levels: levels.clone(), policies: policies.clone() }
            }
        })
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::Best { rank: first() }
    }
}

/// FissionFusion §2 groups by learning rate.
fn by_learning_rate() -> String {
    "learning_rate".to_owned()
}

fn first() -> usize {
    1
}

fn is_first(rank: &usize) -> bool {
    *rank == 1
}

/// BatchNorm's running statistics in an average of models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BnStatistics {
    /// Averaged like weights (the authors' code).
    #[default]
    Averaged,
    /// Recomputed for each candidate, in a pass over the training images without augmentation.
    Recalibrate,
}

/// Models that a run saved before its loss stopped being finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diverged {
    /// Use them: the best epoch on validation (the paper), and the snapshots.
    #[default]
    Keep,
    /// Leave them out.
    Drop,
}
