//! Where models lie: distances between weights, and the plane through three of them.

use ff_checkpoint::StateDict;

use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};

/// The height of three models' triangle, as a share of its longest side, below which they lie on
/// one line.
const LEAST_HEIGHT: f64 = 1e-3;

/// The distance of models, as a share of their norm, below which rounding makes up much of it.
const LEAST_DISTANCE: f64 = 1e-6;

/// The plane through three models (Garipov et al. 2018, *Loss Surfaces*, Fig. 1; FissionFusion,
/// Fig. 1).
///
/// With w0 the first model (of Fig. 1 the best one, "the reference (origin)"), w2 the one of the
/// others that is further from it and w1 the third, u = w2 − w0, and v is what of w1 − w0 is
/// orthogonal to u. A point (x, y) is w0 + x·u + y·v: w0 is at (0, 0), w2 at (1, 0) and w1
/// at (p, 1) with −1 ≤ p ≤ 1, so the square [−0.2, 1.2]² holds all three unless the angle at w0 is
/// a wide one. x counts in lengths of u, y in lengths of v.
pub struct Plane {
    models: Ingredients,
    counted: Vec<String>,
    /// ‖u‖ and ‖v‖.
    lengths: [f64; 2],
    /// p.
    foot: f64,
}

/// Where weights lie relative to a plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Of the nearest point of the plane, in lengths of u.
    pub x: f64,
    /// Of the nearest point of the plane, in lengths of v.
    pub y: f64,
    /// L2 distance from that point.
    pub height: f64,
}

impl Plane {
    /// The plane through three models. Distances count the float tensors that `counts` names: the
    /// trained weights, not the running statistics, whose scale is that of activations. Of models
    /// equally far from the first the earlier is w2.
    ///
    /// # Errors
    /// [`Error::Same`] for models that differ by rounding only; [`Error::Collinear`] for three on a
    /// line, two equal ones included.
    ///
    /// # Panics
    /// Unless there are three models.
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

    /// w0, w2 and w1, with their x and y.
    pub fn corners(&self) -> [(&str, f64, f64); 3] {
        let [w0, w2, w1] = three(&self.models).map(|model| model.id.as_str());
        [(w0, 0.0, 0.0), (w2, 1.0, 0.0), (w1, self.foot, 1.0)]
    }

    /// ‖u‖ and ‖v‖: what 1 in x, and in y, is as an L2 distance.
    pub fn lengths(&self) -> [f64; 2] {
        self.lengths
    }

    /// The weights at a point. Buffers of floats, such as running statistics, are combined like
    /// weights; integers are w0's.
    pub fn weights(&self, x: f64, y: f64) -> StateDict {
        let beside = x - self.foot * y;
        self.models.combine(&[1.0 - beside - y, beside, y])
    }

    /// Where weights of the same form lie.
    ///
    /// # Errors
    /// [`Error::Mismatch`] and [`Error::NotFinite`] for other weights.
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

/// The L2 distance of each model from the first, over the float tensors that `counts` names.
pub fn distances(models: &Ingredients, counts: impl Fn(&str) -> bool) -> Vec<f64> {
    let mut weights = models.iter().map(|model| &model.weights);
    let first = weights.next().expect("ingredients are never none");
    let counted: Vec<String> = first.names().filter(|name| counts(name)).map(str::to_owned).collect();
    weights.map(|other| inner(&counted, first, [other; 2]).sqrt()).collect()
}

fn norm(names: &[String], weights: &StateDict) -> f64 {
    let tensors = names.iter().filter_map(|name| weights.get(name)?.to_f64());
    tensors.map(|values| values.iter().map(|value| value * value).sum::<f64>()).sum::<f64>().sqrt()
}

/// ⟨a − origin, b − origin⟩ over the float tensors of these names, summed in their order in 64
/// bits.
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
