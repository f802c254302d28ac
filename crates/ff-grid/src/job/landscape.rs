//! Jobs that evaluate errors between models: what they depend on and what they leave.

use ff_eval::{Metric, Roughness};
use ff_models::Spec;
use ff_soup::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::DataIdentity;

/// How weights are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judging {
    /// The models' form.
    pub model: Spec,
    /// Data whose validation part they are judged on.
    pub data: DataIdentity,
    /// What judges them: an error is 1 less this.
    pub metric: Metric,
    /// Compute BatchNorm statistics anew at every point, from the training images in batches of
    /// this size. Absent: they are combined like weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
}

/// Which three models a plane goes through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Anchors {
    /// The three with the best validation scores, the best one the origin (FissionFusion, Fig. 1);
    /// of equal ones, the earlier in the pool.
    Best {},
    /// These, by name, the first the origin: `lr 1e-3 heavy seed 0`, or of a cyclic run
    /// `lr 1e-3 heavy seed 0 snapshot 2`.
    Named {
        /// The names.
        models: [String; 3],
    },
}

/// The places along each side of a plane's grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Axis {
    /// The first.
    pub from: f64,
    /// The last.
    pub to: f64,
    /// Their number, evenly spaced.
    pub points: usize,
}

/// The range of FissionFusion's Fig. 1.
impl Default for Axis {
    fn default() -> Self {
        Self { from: -0.2, to: 1.2, points: 15 }
    }
}

impl Axis {
    /// The places.
    pub fn places(&self) -> Vec<f64> {
        steps(self.points).into_iter().map(|share| self.from + share * (self.to - self.from)).collect()
    }
}

/// Evenly spaced numbers from 0 to 1, ends included.
pub(crate) fn steps(points: usize) -> Vec<f64> {
    (0..points).map(|i| i as f64 / (points - 1) as f64).collect()
}

/// The recipe of a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneSpec {
    /// The models' form.
    pub model: Spec,
    /// Which three.
    pub models: Anchors,
}

/// The recipe of one row of a plane's grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// How weights are judged.
    pub judging: Judging,
    /// The places in the row, and the rows.
    pub axis: Axis,
    /// The row, from 0.
    pub row: usize,
}

/// The recipe of an error surface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceSpec {
    /// The models' form.
    pub model: Spec,
    /// The places along each side.
    pub axis: Axis,
}

/// The recipe of a path between two models, or of the paths to all that a greedy soup tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathSpec {
    /// How weights are judged.
    pub judging: Judging,
    /// Places on each path, both ends included, evenly spaced; of a greedy soup the soup with the
    /// candidate in it is one more.
    pub points: usize,
}

/// Where the plane through three models lies ([`ff_soup::Plane`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneRecord {
    /// w0, w2 and w1.
    pub corners: [Corner; 3],
    /// ‖u‖ and ‖v‖: what 1 in x, and in y, is as an L2 distance of trained weights.
    pub lengths: [f64; 2],
    /// Runs that were left out since they diverged, by label.
    pub left_out: Vec<String>,
}

/// One of a plane's models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corner {
    /// Its name.
    pub model: String,
    /// In lengths of u.
    pub x: f64,
    /// In lengths of v.
    pub y: f64,
    /// Its validation error, as training found it; none if its score is undefined.
    pub error: Option<f64>,
}

/// Where a soup lies relative to a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoupPlace {
    /// The job that made it, by label.
    pub soup: String,
    /// Of the nearest point of the plane, in lengths of u.
    pub x: f64,
    /// Of the nearest point of the plane, in lengths of v.
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
    /// The places along each side.
    pub axis: Axis,
    /// Errors by row, the lowest y first, each from left to right; none where the model gives no
    /// finite number.
    pub errors: Vec<Vec<Option<f64>>>,
    /// How rough they are.
    pub roughness: Roughness,
    /// Soups beside the plane.
    pub soups: Vec<SoupPlace>,
}

/// The errors on the straight path between two models, θ = λ·θ_A + (1 − λ)·θ_B (FissionFusion,
/// appendix B1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRecord {
    /// λ of each place, from 0 (B) to 1 (A).
    pub lambdas: Vec<f64>,
    /// Validation error at each.
    pub errors: Vec<f64>,
    /// The barrier ([`ff_eval::barrier`]).
    pub barrier: f64,
    /// L2 distance of the models' trained weights.
    pub distance: f64,
}

/// A candidate of a greedy soup, and what lay between it and the soup as it stood when the
/// candidate was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreedyBarrier {
    /// The soup's own record of it: the candidate, scores before and with it, and whether it was
    /// taken.
    pub decision: Decision,
    /// The candidate's share in the soup that was tried, 1/(parts + 1).
    pub share: f64,
    /// The score of that soup, as measured here: known too where the search stopped before it was.
    pub with: f64,
    /// From the soup (λ = 0) to the candidate (λ = 1); the tried soup is on it, at λ = `share`.
    pub path: PathRecord,
    /// L2 distance of the soup as it stood from the probe, θ₀.
    pub from_probe: f64,
    /// The distance between candidate and soup as a share of that one. None of a soup that is the
    /// probe.
    pub relative_distance: Option<f64>,
}
