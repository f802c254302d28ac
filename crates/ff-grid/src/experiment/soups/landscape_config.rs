//! The optional sections of a table of soups that evaluate errors between its models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::{Anchors, Axis, BnStatistics, Pool};

/// Validation error on planes through three models (FissionFusion, Fig. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LandscapeConfig {
    /// The places along both sides of each plane's grid, which holds the three models: with the
    /// longest side of their triangle from x = 0 to 1 at y = 0, and the third at y = 1. The paper's
    /// are from −0.2 to 1.2.
    pub grid: Axis,
    /// BatchNorm statistics at each point: combined like weights, or computed anew.
    pub bn: BnStatistics,
    /// The planes of each column.
    pub plane: Vec<PlaneConfig>,
}

/// A plane in each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaneConfig {
    /// Names its files.
    pub name: String,
    /// The models to choose from.
    pub pool: Pool,
    /// Which three.
    pub models: Anchors,
    /// Methods of the table whose soups are marked.
    pub soups: Vec<String>,
}

/// Linear mode connectivity among the grid search's models (FissionFusion, appendix B1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectivityConfig {
    /// BatchNorm statistics on the paths: averaged, or computed anew.
    pub bn: BnStatistics,
    /// Places on each path that is drawn as a curve, ends included.
    pub points: usize,
    /// The paths that are drawn as curves.
    pub curves: Curves,
    /// Places on each path of the matrix of all pairs, ends included: of M models M(M − 1)/2 paths.
    /// Absent: no matrix.
    pub matrix_points: Option<usize>,
}

/// Paths to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Curves {
    /// For seed, augmentation and learning rate each: the model with the grid's first value against
    /// those with each other value, everything else being as in `at`, or the grid's first values.
    EachField {
        /// What the others have in common, by the name of a model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// These, by the names of their ends: `lr 1e-3 heavy seed 0`.
    Pairs {
        /// The ends.
        pairs: Vec<[String; 2]>,
    },
}

/// What lay between greedy soups and their candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GreedyBarriersConfig {
    /// Places on the path from the soup to each candidate, ends included.
    pub points: usize,
    /// Methods of the table.
    pub methods: Vec<String>,
}
