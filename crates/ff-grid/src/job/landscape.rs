//! Specifications and records of jobs that evaluate errors between models.

use ff_eval::{Metric, Roughness};
use ff_models::Spec;
use ff_soup::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::DataIdentity;

/// How the error of weights is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorEvaluation {
    /// Architecture and input of the models.
    pub model: Spec,
    /// Data whose validation split they are evaluated on.
    pub data: DataIdentity,
    /// Metric. An error is 1 minus its score, or the log loss itself.
    pub metric: Metric,
    /// Batch size in which BatchNorm statistics are recomputed from the training images at every
    /// point. `None`: they are combined like weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
    /// The number of training images that they are recomputed from, if that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bn_images: Option<usize>,
}

/// The three models that a plane goes through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Anchors {
    /// The three models with the best validation scores; the best is the origin (FissionFusion,
    /// Fig. 1). Of equal scores, the model that is earlier in the pool comes first.
    Best {},
    /// Three models by name; the first is the origin. A name is `lr 1e-3 heavy seed 0`, or for a
    /// cyclic run `lr 1e-3 heavy seed 0 snapshot 2`.
    Named {
        /// The names.
        models: [String; 3],
    },
}

/// The points along each side of a plane's grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Axis {
    /// First coordinate.
    pub from: f64,
    /// Last coordinate.
    pub to: f64,
    /// Number of evenly spaced points.
    pub points: usize,
}

/// The range of FissionFusion's Fig. 1.
impl Default for Axis {
    fn default() -> Self {
        Self { from: -0.2, to: 1.2, points: 15 }
    }
}

impl Axis {
    /// Returns the coordinates.
    pub fn places(&self) -> Vec<f64> {
        steps(self.points).into_iter().map(|share| self.from + share * (self.to - self.from)).collect()
    }
}

/// Returns evenly spaced numbers from 0 to 1, ends included.
pub(crate) fn steps(points: usize) -> Vec<f64> {
    (0..points).map(|i| i as f64 / (points - 1) as f64).collect()
}

/// The specification of a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneSpec {
    /// Architecture and input of the models.
    pub model: Spec,
    /// The three models.
    pub models: Anchors,
}

/// The specification of one row of a plane's grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// How errors are evaluated.
    #[serde(alias = "judging")]
    pub evaluation: ErrorEvaluation,
    /// The points of the row, and the rows.
    pub axis: Axis,
    /// Index of the row, from 0 at the lowest y.
    pub row: usize,
}

/// The specification of an error surface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceSpec {
    /// Architecture and input of the models.
    pub model: Spec,
    /// The points along each side.
    pub axis: Axis,
}

/// The specification of a path between two models, or of the paths from a greedy soup to its
/// candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathSpec {
    /// How errors are evaluated.
    #[serde(alias = "judging")]
    pub evaluation: ErrorEvaluation,
    /// Number of evenly spaced points on each path, ends included. For a greedy soup, the soup with
    /// the candidate is another point.
    pub points: usize,
}

/// The plane through three models ([`ff_soup::Plane`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneRecord {
    /// The models w0, w2 and w1.
    pub corners: [Corner; 3],
    /// ‖u‖ and ‖v‖: the L2 distances of trained weights that 1 in x and 1 in y stand for.
    pub lengths: [f64; 2],
    /// Diverged runs that were left out, by label.
    pub left_out: Vec<String>,
}

/// One of the three models of a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corner {
    /// The model's name.
    pub model: String,
    /// Coordinate in lengths of u.
    pub x: f64,
    /// Coordinate in lengths of v.
    pub y: f64,
    /// Its validation error from training; `None` if its score is undefined.
    pub error: Option<f64>,
}

/// The position of a soup relative to a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupPlace {
    /// Label of the soup's job.
    pub soup: String,
    /// Coordinate of the nearest point of the plane, in lengths of u.
    pub x: f64,
    /// Coordinate of the nearest point of the plane, in lengths of v.
    pub y: f64,
    /// L2 distance from that point.
    pub height: f64,
    /// The soup's own validation error, which is not that of the nearest point.
    pub error: f64,
}

/// The errors over a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceRecord {
    /// The plane.
    pub plane: PlaneRecord,
    /// The points along each side.
    pub axis: Axis,
    /// Errors by row, the lowest y first, each from left to right. `None`: an output is not finite,
    /// or the metric is undefined.
    pub errors: Vec<Vec<Option<f64>>>,
    /// The roughness of the surface.
    pub roughness: Roughness,
    /// Positions of soups.
    pub soups: Vec<SoupPlace>,
}

/// The errors on the straight path between two models, θ = λ·θ_A + (1 − λ)·θ_B (FissionFusion,
/// appendix B1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRecord {
    /// λ of each point, from 0 (B) to 1 (A).
    pub lambdas: Vec<f64>,
    /// Validation error at each point.
    pub errors: Vec<f64>,
    /// The error barrier ([`ff_eval::barrier`]).
    pub barrier: f64,
    /// L2 distance of the models' trained weights.
    pub distance: f64,
}

/// A candidate of a greedy soup, and the errors on the path between it and the soup before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreedyBarrier {
    /// The decision in the soup's record: the candidate, the scores before and with it, and whether
    /// it was taken.
    pub decision: Decision,
    /// The candidate's share in the soup with it, 1/(parts + 1).
    pub share: f64,
    /// The score of the soup with the candidate, evaluated here. The decision may have only a bound
    /// of it.
    pub with: f64,
    /// The path from the soup (λ = 0) to the candidate (λ = 1). The soup with the candidate is on
    /// it, at λ = `share`.
    pub path: PathRecord,
    /// L2 distance between the soup before the candidate and the probe, θ₀.
    pub from_probe: f64,
    /// The distance between candidate and soup, divided by `from_probe`. `None` if `from_probe` is
    /// 0.
    pub relative_distance: Option<f64>,
}
