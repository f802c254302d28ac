//! What the jobs of an error surface depend on.

use ff_eval::Metric;
use ff_models::Spec;
use serde::{Deserialize, Serialize};

use crate::DataIdentity;

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
    /// Compute BatchNorm statistics anew at every point, from the training images in batches of this size. Absent: they are
    /// combined like weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrate: Option<usize>,
}

/// Which three models a plane goes through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Anchors {
    /// The three with the best validation scores, the best one the origin (FissionFusion, Fig. 1); of equal ones, the
    /// earlier in the pool.
    Best {},
    /// These, by name, the first the origin: `lr 1e-3 heavy seed 0`, or of a cyclic run `lr 1e-3 heavy seed 0 capture 2`.
    Named {
        /// The names.
        models: [String; 3],
    },
}

/// The places along each side of a plane's grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// The first.
    pub from: f64,
    /// The last.
    pub to: f64,
    /// Their number, evenly spaced.
    pub points: usize,
}

/// The recipe of a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneRecipe {
    /// The models' form.
    pub model: Spec,
    /// Which three.
    pub models: Anchors,
}

/// The recipe of one row of a plane's grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowRecipe {
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
pub struct SurfaceRecipe {
    /// The models' form.
    pub model: Spec,
    /// The places along each side.
    pub axis: Axis,
}

/// The recipe of a path between two models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRecipe {
    /// How weights are judged.
    pub judging: Judging,
    /// Places on the path, both ends included, evenly spaced.
    pub points: usize,
}

/// The recipe of what a greedy soup tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriesRecipe {
    /// How weights are judged.
    pub judging: Judging,
    /// Places on each path, both ends included, evenly spaced; the soup with the candidate in it is one more.
    pub points: usize,
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
