//! Distances between models, and the plane through three of them.
//!
//! The origin of the plane is the best model, as in the caption of FissionFusion's Fig. 1.
//! Distances count trained weights only: running statistics are on the scale of activations, not of
//! weights.

use ff_checkpoint::StateDict;

use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};

/// The least height of three models' triangle, as a fraction of its longest side; below it they
/// count as collinear.
const LEAST_HEIGHT: f64 = 1e-3;

/// The least distance of models, as a fraction of their norm; lower ones are mostly rounding.
const LEAST_DISTANCE: f64 = 1e-6;

/// The plane through three models (Garipov et al. 2018, *Loss Surfaces*, Fig. 1; FissionFusion,
/// Fig. 1).
///
/// w0 is the first model (in Fig. 1 the best one, "the reference (origin)"), w2 that of the other
/// two that is further from it, and w1 the third. With u = w2 − w0 and v the part of w1 − w0 that
/// is orthogonal to u, a point (x, y) is w0 + x·u + y·v. So w0 is at (0, 0), w2 at (1, 0) and w1 at
/// (p, 1) with −1 ≤ p ≤ 1. The square [−0.2, 1.2]² contains all three unless the angle at w0 is
/// obtuse: then w1 may be left of it. The unit of x is the length of u, that of y the length of v.
pub struct Plane {
    models: Ingredients,
    counted: Vec<String>,
    /// ‖u‖ and ‖v‖.
    lengths: [f64; 2],
    /// p, the x of w1.
    foot: f64,
}

/// The position of weights relative to a plane: their nearest point in it, and the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// x of the nearest point of the plane, in lengths of u.
    pub x: f64,
    /// y of the nearest point of the plane, in lengths of v.
    pub y: f64,
    /// L2 distance from the nearest point.
    pub height: f64,
}

impl Plane {
    /// Computes the plane through three models.
    ///
    /// Distances count the float tensors for whose names `counts` returns true: the trained
    /// weights, not the running statistics. If the second and third model are equally far from the
    /// first, the second is w2.
    ///
    /// # Errors
    /// [`Error::Same`] for models that differ by rounding only; [`Error::Collinear`] for three on
    /// one line, also if two are equal.
    ///
    /// # Panics
    /// If the number of models is not 3.
    pub fn through(models: Ingredients, counts: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let [a, b, c] = three(&models);
        let weights = [a, b, c].map(|model| &model.weights);
        let ids = || [a, b, c].map(|model| model.id.clone());
        let counted: Vec<String> = a.weights.names().filter(|name| counts(name)).map(str::to_owned).collect();
        let from_first = |model: usize| inner(&counted, weights[0], [weights[model]; 2]).sqrt();
        let (to_b, to_c) = (from_first(1), from_first(2));
        let (order, length) = if to_b >= to_c { ([a, b, c], to_b) } else { ([a, c, b], to_c) };
        let norm = norm(&counted, &order[0].weights);
        if length <= LEAST_DISTANCE * norm {
            return Err(Error::Same { models: ids(), distance: length, norm });
        }
        let [w0, w2, w1] = order.map(|model| &model.weights);
        let foot = inner(&counted, w0, [w1, w2]) / length.powi(2);
        let height = (inner(&counted, w0, [w1, w1]) - (foot * length).powi(2)).max(0.0).sqrt();
        let share = height / length;
        if share < LEAST_HEIGHT {
            return Err(Error::Collinear { models: ids(), share, least: LEAST_HEIGHT });
        }
        let models = Ingredients::new(order.map(Clone::clone).to_vec())?;
        Ok(Self { models, counted, lengths: [length, height], foot })
    }

    /// The ids of w0, w2 and w1, in this order, with their x and y.
    pub fn corners(&self) -> [(&str, f64, f64); 3] {
        let [w0, w2, w1] = three(&self.models).map(|model| model.id.as_str());
        [(w0, 0.0, 0.0), (w2, 1.0, 0.0), (w1, self.foot, 1.0)]
    }

    /// ‖u‖ and ‖v‖: the L2 distances that correspond to 1 in x and 1 in y.
    pub fn lengths(&self) -> [f64; 2] {
        self.lengths
    }

    /// Computes the weights at a point.
    ///
    /// Float buffers, such as running statistics, are combined like weights; integers are those of
    /// w0.
    pub fn weights(&self, x: f64, y: f64) -> StateDict {
        let beside = x - self.foot * y;
        self.models.combine(&[1.0 - beside - y, beside, y])
    }

    /// Projects weights onto the plane.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for weights of other keys, shapes or types, [`Error::NotFinite`].
    pub fn place(&self, other: &Ingredient) -> Result<Place, Error> {
        let [w0, w2, w1] = three(&self.models);
        other.fits(w0)?;
        let along = |model: &Ingredient| inner(&self.counted, &w0.weights, [&other.weights, &model.weights]);
        let [length, height] = self.lengths;
        let x = along(w2) / length.powi(2);
        let y = (along(w1) - self.foot * along(w2)) / height.powi(2);
        let whole = along(other);
        let inside = (x * length).powi(2) + (y * height).powi(2);
        Ok(Place { x, y, height: (whole - inside).max(0.0).sqrt() })
    }
}

fn three(models: &Ingredients) -> [&Ingredient; 3] {
    models.iter().collect::<Vec<_>>().try_into().expect("a plane goes through three models")
}

/// Computes the L2 distance of each model from the first, in order, without the first itself.
///
/// It counts the float tensors for whose names `counts` returns true.
pub fn distances(models: &Ingredients, counts: impl Fn(&str) -> bool) -> Vec<f64> {
    let mut weights = models.iter().map(|model| &model.weights);
    let first = weights.next().expect("there is at least one ingredient");
    let counted: Vec<String> = first.names().filter(|name| counts(name)).map(str::to_owned).collect();
    weights.map(|other| inner(&counted, first, [other; 2]).sqrt()).collect()
}

fn norm(names: &[String], weights: &StateDict) -> f64 {
    let tensors = names.iter().filter_map(|name| weights.get(name)?.to_f64());
    tensors.map(|values| values.iter().map(|value| value * value).sum::<f64>()).sum::<f64>().sqrt()
}

/// Computes ⟨a − origin, b − origin⟩ over these float tensors, in order, in 64-bit floats.
fn inner(names: &[String], origin: &StateDict, [a, b]: [&StateDict; 2]) -> f64 {
    let values = |weights: &StateDict, name: &str| weights.get(name).and_then(|tensor| tensor.to_f64());
    names
        .iter()
        .filter_map(|name| {
            let (origin, a, b) = (values(origin, name)?, values(a, name)?, values(b, name)?);
            let products = origin.iter().zip(a.iter().zip(&b)).map(|(o, (a, b))| (a - o) * (b - o));
            Some(products.sum::<f64>())
        })
        .sum()
}
