//! How a soup job selects and merges models.

use ff_soup::{Accept, Hierarchy, Learned, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The models that a method selects from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
pub enum Pool {
    /// The grid search's models.
    #[default]
    Grid,
    /// Fast Geometric Generation's models: the bases, and the snapshots of their cyclic runs.
    Fgg,
    /// Those of `fgg`, and the same with every augmentation of `fgg.also_augment`.
    FggAll,
    /// Fast Geometric Generation's models with the augmentations of `fgg.also_augment` alone.
    FggAlso,
    /// The moving averages of the weights of the grid search's runs (`finetune.ema_decay`).
    Ema,
    /// Those of `grid` and of `ema`.
    GridEma,
    /// Those of an entry of `[[pool]]`, by its name.
    Named(String),
}

impl Pool {
    /// The pools of models that are trained here.
    pub const TRAINED: [Self; 6] =
        [Self::Grid, Self::Fgg, Self::FggAll, Self::FggAlso, Self::Ema, Self::GridEma];

    /// Its name in configurations.
    pub fn name(&self) -> &str {
        match self {
            Self::Grid => "grid",
            Self::Fgg => "fgg",
            Self::FggAll => "fgg-all",
            Self::FggAlso => "fgg-also",
            Self::Ema => "ema",
            Self::GridEma => "grid-ema",
            Self::Named(name) => name,
        }
    }

    /// True for models of the grid search's runs.
    pub(crate) fn is_of_grid(&self) -> bool {
        matches!(self, Self::Grid | Self::Ema | Self::GridEma)
    }

    /// Which models of its runs it has.
    pub fn averages(&self) -> Averages {
        match self {
            Self::Grid | Self::Fgg | Self::FggAll | Self::FggAlso | Self::Named(_) => Averages::Without,
            Self::Ema => Averages::Only,
            Self::GridEma => Averages::With,
        }
    }
}

impl From<String> for Pool {
    fn from(name: String) -> Self {
        let known = Self::TRAINED.into_iter().find(|pool| pool.name() == name);
        known.unwrap_or(Self::Named(name))
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> Self {
        pool.name().to_owned()
    }
}

/// The moving averages of runs' weights among the models to select from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Averages {
    /// The models without the averages.
    #[default]
    Without,
    /// The models and the averages.
    With,
    /// The averages alone.
    Only,
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
        /// Field to group by: `learning_rate`, `augmentation`, `seed`, `sample`, `image_size`,
        /// `snapshot` or `average` (`none`; `ema` for a moving average).
        #[serde(default = "by_learning_rate")]
        by: String,
        /// When a part is kept in a soup.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// Greedy of Greedy (FissionFusion §2): a greedy soup of each group, and a greedy soup of
    /// these.
    Gog {
        /// Field to group by: `learning_rate`, `augmentation`, `seed`, `sample`, `image_size`,
        /// `snapshot` or `average` (`none`; `ema` for a moving average).
        #[serde(default = "by_learning_rate")]
        by: String,
        /// When a part is kept in a soup.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// Soups of soups, in groups by any fields.
    Hierarchy {
        /// Fields to group by, top level first: `learning_rate`, `augmentation`, `seed`, `sample`,
        /// `image_size`, `snapshot`, `average`.
        #[serde(default)]
        levels: Vec<String>,
        /// How soups are made at each level, top level first. The last policy averages the models
        /// of the innermost groups, so there is one policy more than levels. Empty: greedy
        /// everywhere.
        #[serde(default)]
        policies: Vec<Policy>,
    },
    /// The pruned soup (arXiv 2301.10092): starts from all models, and in passes leaves out each
    /// model without which the validation score is better.
    Pruned {
        /// When a model is left out.
        #[serde(default)]
        accept: Accept,
    },
    /// The learned soup (arXiv 2203.05482): a coefficient for each model, or for each layer of each
    /// model, fitted by gradients on three quarters of the validation images.
    Learned(Learned),
    /// Model Stock (arXiv 2403.19522): the mean, moved to the probe (θ₀) by the angles between the
    /// models. Nothing is fitted.
    Stock {},
    /// WiSE-FT (arXiv 2109.01903): a point on the line from the probe (θ₀) to the mean, the best on
    /// validation.
    Line {
        /// Shares of the mean, from 0 (the probe) to 1. Empty: 0.2, 0.4, 0.6, 0.8 and 1; with
        /// `accept = "one-se"` 1 comes first.
        #[serde(default)]
        alphas: Vec<f64>,
        /// When another value replaces the first one.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// Task arithmetic (arXiv 2212.04089): the probe (θ₀) plus λ times the sum of what each model
    /// changed, with the best λ on validation.
    TaskArithmetic {
        /// Values of λ. Empty: 0.4 to 1.6 by 0.2, divided by the number of models; 1 divided by it
        /// gives the mean, and comes first with `accept = "one-se"`.
        #[serde(default)]
        lambdas: Vec<f64>,
        /// When another value replaces the first one.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// TIES (arXiv 2306.01708): of what each model changed, only the largest part is kept, and of
    /// that only what agrees in sign; with the best λ on validation.
    Ties {
        /// Share of each tensor's changes that is kept, the largest ones, above 0 and at most 1.
        #[serde(default = "ties_density")]
        density: f64,
        /// Values of λ. Empty: 0.4 to 1.6 by 0.2; with `accept = "one-se"` 1 comes first.
        #[serde(default)]
        lambdas: Vec<f64>,
        /// When another value replaces the first one.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// DARE (arXiv 2311.03099): task arithmetic after a random part of each model's changes is
    /// dropped and the rest enlarged, with the best λ on validation.
    Dare {
        /// Share of the changes that is dropped, from 0 to below 1.
        #[serde(default = "dare_drop")]
        drop: f64,
        /// Seed of what is dropped.
        #[serde(default)]
        seed: u64,
        /// Values of λ, as for `task-arithmetic`.
        #[serde(default)]
        lambdas: Vec<f64>,
        /// When another value replaces the first one.
        #[serde(default, skip_serializing_if = "Accept::is_default")]
        accept: Accept,
    },
    /// Git Re-Basin (arXiv 2209.04836): the units of each model are permuted to match the first
    /// model's, then all are averaged. For models that have different starts.
    Rebasin {},
    /// Fisher merging (arXiv 2111.09832): the mean of the models, each weight in proportion to how
    /// much a model's output depends on it.
    Fisher {
        /// Training images to estimate that on.
        #[serde(default = "usual_images")]
        images: usize,
    },
    /// RegMean (arXiv 2212.09849): each layer's weights are those whose outputs are nearest to the
    /// models' own, in the mean over training images.
    Regmean {
        /// Training images to compute each layer's inputs on.
        #[serde(default = "usual_images")]
        images: usize,
        /// Layers with at most this number of inputs are merged so; wider ones are averaged.
        #[serde(default = "regmean_width")]
        max_width: usize,
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

    /// True for the best single model.
    pub fn is_single(&self) -> bool {
        matches!(self, Self::Best { .. })
    }

    /// The hierarchy of soups, if it is one.
    pub fn hierarchy(&self) -> Option<Hierarchy> {
        let of = |levels: &[&String], policies: Vec<Policy>| Hierarchy {
            levels: levels.iter().map(|level| (*level).clone()).collect(),
            policies,
        };
        let greedy = |accept: Accept| Policy::Greedy { accept };
        Some(match self {
            Self::Uniform {} => Hierarchy::uniform(),
            &Self::Greedy { accept } => of(&[], vec![greedy(accept)]),
            Self::Gou { by, accept } => of(&[by], vec![greedy(*accept), Policy::Uniform {}]),
            Self::Gog { by, accept } => of(&[by], vec![greedy(*accept); 2]),
            Self::Hierarchy { levels, policies } if policies.is_empty() => {
                of(&levels.iter().collect::<Vec<_>>(), vec![greedy(Accept::default()); levels.len() + 1])
            }
            Self::Hierarchy { levels, policies } => of(&levels.iter().collect::<Vec<_>>(), policies.clone()),
            _ => return None,
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

/// The density of the TIES paper.
fn ties_density() -> f64 {
    0.2
}

fn dare_drop() -> f64 {
    0.5
}

/// Of the statistics of each model.
fn usual_images() -> usize {
    256
}

fn regmean_width() -> usize {
    1024
}

fn first() -> usize {
    1
}

fn is_first(rank: &usize) -> bool {
    *rank == 1
}

/// BatchNorm's running statistics in an average of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BnStatistics {
    /// Averaged like weights (the authors' code). The averaged variances are larger than those of
    /// the averaged weights' activations, which shrinks the network's outputs.
    Averaged,
    /// Recomputed for each candidate, in a pass over `soup.bn_images` training images without
    /// augmentation.
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
