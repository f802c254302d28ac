//! The optional sections of a table of soups that evaluate errors between its models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::{Anchors, Axis, BnStatistics, Pool};

/// Validation error on planes through three models (FissionFusion, Fig. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LandscapeConfig {
    /// Places along both sides of each plane's grid. The origin is the first model, x = 1 the one of
    /// the others that is further from it, y = 1 the third.
    pub grid: Axis,
    /// BatchNorm statistics at each point: `averaged` (combined like weights), or `recalibrate`
    /// (recomputed from the training images).
    pub bn: BnStatistics,
    /// The planes of each column.
    pub plane: Vec<PlaneConfig>,
}

impl Default for LandscapeConfig {
    fn default() -> Self {
        let plane = |name: &str, pool| PlaneConfig { name: name.to_owned(), pool, ..PlaneConfig::default() };
        Self {
            grid: Axis::default(),
            bn: BnStatistics::Recalibrate,
            plane: vec![plane("grid", Pool::Grid), plane("fgg", Pool::Fgg)],
        }
    }
}

/// A plane in each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlaneConfig {
    /// Name of its files: letters, digits, `-` and `_`.
    pub name: String,
    /// Models to choose from: `grid`, `fgg` or `fgg-all`.
    pub pool: Pool,
    /// The three models that the plane goes through.
    pub models: Anchors,
    /// Methods of the table whose soups are marked.
    pub soups: Vec<String>,
}

impl Default for PlaneConfig {
    fn default() -> Self {
        Self { name: "plane".to_owned(), pool: Pool::default(), models: Anchors::Best {}, soups: Vec::new() }
    }
}

/// Linear mode connectivity among the grid search's models (FissionFusion, appendix B1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectivityConfig {
    /// BatchNorm statistics on the paths: `averaged`, or `recalibrate` (recomputed from the training
    /// images).
    pub bn: BnStatistics,
    /// Places on each path that is drawn as a curve, ends included.
    pub points: usize,
    /// Paths to draw as curves.
    pub curves: Curves,
    /// Places on each path of the matrix of all pairs, ends included; M models have M(M − 1)/2
    /// paths. Absent: no matrix.
    pub matrix_points: Option<usize>,
}

impl Default for ConnectivityConfig {
    fn default() -> Self {
        let curves = Curves::EachField { at: None };
        Self { bn: BnStatistics::default(), points: 11, curves, matrix_points: None }
    }
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
        /// The ends of each path.
        #[serde(default)]
        pairs: Vec<[String; 2]>,
    },
}

/// Error barriers between greedy soups and their candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GreedyBarriersConfig {
    /// Places on the path from the soup to each candidate, ends included.
    pub points: usize,
    /// Methods of the table, each a greedy choice.
    pub methods: Vec<String>,
}

impl Default for GreedyBarriersConfig {
    fn default() -> Self {
        Self { points: 5, methods: vec!["Greedy Soup".to_owned(), "GoG".to_owned()] }
    }
}
