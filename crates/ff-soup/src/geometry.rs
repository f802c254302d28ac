//! Distances and angles between models, and from the base that they were fine-tuned from.

use std::collections::HashMap;

use ff_checkpoint::{StateDict, map_on_cores};

use crate::error::Error;
use crate::ingredient::Ingredients;
use crate::merge::Parts;
use crate::merge::blocks::Tensor;
use crate::merge::mean::BLOCK;
use crate::merge::vector::{add, dot};

/// Elements whose products one thread adds up.
const RUN: usize = 64 * BLOCK;

/// The lengths of models' task vectors, and the angles and distances between them.
///
/// The task vector τ of a model is what training changed: its weights less the base's. Models are
/// named by their index among the [`Ingredients`].
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// ⟨τ_a, τ_b⟩ by (a, b), for b ≤ a.
    products: HashMap<(usize, usize), f64>,
}

/// Computes the inner products of the models' task vectors, in 64-bit floats: of each with itself and
/// with the model `of`, or with all if it is `None`.
///
/// The products of all pairs take a time that grows with the square of the number of models.
///
/// It counts the float tensors for whose names `counts` returns true: the trained weights, not the
/// running statistics, which are on the scale of activations. Files are read once, in blocks, so the
/// memory is that of a block of every model. The bits do not depend on the number of threads.
///
/// # Errors
/// [`Error::NoBase`] for models without a base.
pub fn geometry(
    models: &Ingredients,
    of: Option<usize>,
    counts: impl Fn(&str) -> bool,
) -> Result<Geometry, Error> {
    let base = &models.base().ok_or(Error::NoBase)?.weights;
    let weights: Vec<&StateDict> = models.iter().map(|model| &model.weights).collect();
    let parts = Parts { base: Some(base), ..Parts::of(&weights) };
    let counted = base.iter().filter(|(name, tensor)| tensor.is_float() && counts(name));
    let tensors: Vec<Tensor<'_>> = counted
        .map(|(name, _)| Tensor::of(&parts, name).expect("ingredients and their base have the same tensors"))
        .collect();
    let starts = |tensor: &Tensor<'_>| (0..tensor.elements()).step_by(RUN);
    let runs = tensors.iter().flat_map(|tensor| starts(tensor).map(move |start| (tensor, start)));
    let pairs = (0..weights.len()).flat_map(|a| (0..=a).map(move |b| (a, b)));
    let pairs: Vec<_> = pairs.filter(|&(a, b)| a == b || of.is_none_or(|of| a == of || b == of)).collect();
    let mut products = vec![0.0; pairs.len()];
    // In order, whatever the order of the threads.
    for of_run in map_on_cores(runs, |(tensor, start)| products_of_run(tensor, start, &pairs)) {
        add(&mut products, &of_run);
    }
    Ok(Geometry { products: pairs.into_iter().zip(products).collect() })
}

/// Adds up the products of pairs of models over a tensor's elements from `start` on, [`RUN`] of them at
/// most.
fn products_of_run(tensor: &Tensor<'_>, start: usize, pairs: &[(usize, usize)]) -> Vec<f64> {
    let mut products = vec![0.0; pairs.len()];
    let mut changes = vec![0.0; tensor.models() * BLOCK];
    let end = tensor.elements().min(start + RUN);
    for start in (start..end).step_by(BLOCK) {
        tensor.block(start, BLOCK.min(end - start), |block| {
            block.for_each_model(|at, values| {
                let room = changes[at * BLOCK..].iter_mut().zip(values.iter().zip(block.base()));
                room.for_each(|(change, (value, base))| *change = value - base);
            });
            let change = |model: usize| &changes[model * BLOCK..][..block.len()];
            for (product, &(a, b)) in products.iter_mut().zip(pairs) {
                *product += dot(change(a), change(b));
            }
        });
    }
    products
}

impl Geometry {
    fn product(&self, a: usize, b: usize) -> f64 {
        self.products[&(a.max(b), a.min(b))]
    }

    /// Returns ‖τ‖ of a model: its L2 distance from the base.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn from_base(&self, model: usize) -> f64 {
        self.product(model, model).sqrt()
    }

    /// Returns the L2 distance of two models. Distances below about 1e-8 of `from_base` are rounding.
    ///
    /// # Panics
    /// If there is no such model, or the products are those with a model that is neither of the two.
    pub fn distance(&self, a: usize, b: usize) -> f64 {
        let square = self.product(a, a) + self.product(b, b) - 2.0 * self.product(a, b);
        square.max(0.0).sqrt()
    }

    /// Returns the cosine of the angle between two task vectors, −1 to 1; `None` if one is 0.
    ///
    /// # Panics
    /// If there is no such model, or the products are those with a model that is neither of the two.
    pub fn cosine(&self, a: usize, b: usize) -> Option<f64> {
        let lengths = self.from_base(a) * self.from_base(b);
        (lengths > 0.0).then(|| (self.product(a, b) / lengths).clamp(-1.0, 1.0))
    }

    /// Returns the angle between two task vectors in degrees, 0 to 180; `None` if one is 0.
    ///
    /// # Panics
    /// If there is no such model, or the products are those with a model that is neither of the two.
    pub fn angle(&self, a: usize, b: usize) -> Option<f64> {
        self.cosine(a, b).map(|cosine| cosine.acos().to_degrees())
    }
}
