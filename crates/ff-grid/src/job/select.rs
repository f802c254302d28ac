//! How a soup job chooses among models.

use ff_soup::{Accept, Hierarchy, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The models a method may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The grid search's.
    Grid,
    /// Fast Geometric Generation's: the bases and the snapshots of their cyclic runs.
    Fgg,
    /// Those, and the same with every augmentation of `fgg.also_augment`.
    FggAll,
}

/// What a method makes of its models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

fn first() -> usize {
    1
}

fn is_first(rank: &usize) -> bool {
    *rank == 1
}

/// What becomes of BatchNorm's running statistics in an average of models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BnStatistics {
    /// They are averaged like weights (the authors' code).
    #[default]
    Averaged,
    /// They are computed anew for each candidate, in a pass over the training images without
    /// augmentation.
    Recalibrate,
}

/// What becomes of the models that a run left before it diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Diverged {
    /// They are models like others: the best epoch on validation before the divergence (the paper),
    /// and the snapshots.
    #[default]
    Keep,
    /// They are left out.
    Drop,
}
