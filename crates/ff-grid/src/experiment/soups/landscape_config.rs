//! The optional sections of a table of soups that evaluate errors between its models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::{Anchors, Axis, BnStatistics, Pool};

/// Validation error on planes through three models (FissionFusion, Fig. 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LandscapeConfig {
    /// Points along both sides of each plane's grid. The first model is at (0, 0), the one of the
    /// others that is further from it is at (1, 0), and the third has y = 1.
    pub grid: Axis,
    /// BatchNorm statistics at each point: `averaged` (combined like weights), or `recalibrate`
    /// (recomputed from `soup.bn_images` training images). Outside the models, variances that are
    /// combined like weights may be negative.
    pub bn: BnStatistics,
    /// The planes of each column. Absent: `grid` and `fgg`, each through the three best models of
    /// the pool of that name.
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
    /// Models to choose from: `grid`, `fgg`, `fgg-all` or `fgg-also`.
    pub pool: Pool,
    /// The three models that the plane goes through.
    pub models: Anchors,
    /// Names of methods whose soups are marked.
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
    /// BatchNorm statistics on the paths: `averaged`, or `recalibrate` (recomputed from training
    /// images). Absent: `soup.bn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bn: Option<BnStatistics>,
    /// Points on each path that is drawn as a curve, ends included.
    pub points: usize,
    /// Paths to draw as curves.
    pub curves: Curves,
    /// Points on each path of the matrix of error barriers between all pairs, ends included; M
    /// models have M(M − 1)/2 paths. Absent: no matrix.
    pub matrix_points: Option<usize>,
}

impl Default for ConnectivityConfig {
    fn default() -> Self {
        let curves = Curves::EachField { at: None };
        Self { bn: None, points: 11, curves, matrix_points: None }
    }
}

/// Paths to draw as curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Curves {
    /// For each field (seed, augmentation, learning rate, sample, image size), the paths from the
    /// model with the first value in `[grid]` to the models with each other value. The remaining
    /// fields have the values in `at`.
    EachField {
        /// A model by its name, such as `lr 1e-3 heavy seed 0`, for the fields that the ends of a
        /// path share. Absent: the first values in `[grid]`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// The paths between the listed pairs.
    Pairs {
        /// The two ends of each path by name, such as `lr 1e-3 heavy seed 0`.
        #[serde(default)]
        pairs: Vec<[String; 2]>,
    },
}

/// Error barriers between greedy soups and their candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GreedyBarriersConfig {
    /// Points on the path from the soup before a candidate to the candidate, ends included.
    pub points: usize,
    /// Names of methods, each with a greedy selection.
    pub methods: Vec<String>,
}

impl Default for GreedyBarriersConfig {
    fn default() -> Self {
        Self { points: 5, methods: vec!["Greedy Soup".to_owned(), "GoG".to_owned()] }
    }
}
