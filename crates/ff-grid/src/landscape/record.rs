//! What the jobs of an error surface leave.

use ff_eval::Roughness;
use ff_soup::Decision;
use serde::{Deserialize, Serialize};

use super::Axis;

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
    /// Errors by row, the lowest y first, each from left to right; none where the model gives no finite number.
    pub errors: Vec<Vec<Option<f64>>>,
    /// How rough they are.
    pub roughness: Roughness,
    /// Soups beside the plane.
    pub soups: Vec<SoupPlace>,
}

/// The errors on the straight path between two models, θ = λ·θ_A + (1 − λ)·θ_B (FissionFusion, appendix B1).
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

/// A candidate of a greedy soup, and what lay between it and the soup as it stood when the candidate was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryRecord {
    /// The soup's own record of it: the candidate, scores before and with it, and whether it was taken.
    pub decision: Decision,
    /// The candidate's share in the soup that was tried, 1/(parts + 1).
    pub share: f64,
    /// The score of that soup, as measured here: known too where the search stopped before it was.
    pub with: f64,
    /// From the soup (λ = 0) to the candidate (λ = 1); the tried soup is on it, at λ = `share`.
    pub path: PathRecord,
    /// L2 distance of the soup as it stood from the probe, θ₀.
    pub from_probe: f64,
    /// The distance between candidate and soup as a share of that one. None of a soup that is the probe.
    pub relative_distance: Option<f64>,
}
