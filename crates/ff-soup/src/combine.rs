//! Linear combinations of models: weights between and beyond them.
//!
//! Buffers are combined like weights. Outside the models a running variance may thus become
//! negative; the model then has no defined output there.

use ff_checkpoint::{StateDict, cores, write_rounded};

use crate::ingredient::Ingredients;
use crate::merge::mean::{BLOCK, add_scaled, by_blocks, data};

impl Ingredients {
    /// Computes Σ cᵢ·θᵢ, with one coefficient for each model, in order.
    ///
    /// With coefficients that add up to 1 it is a point on the line through two models, or on the
    /// plane through three. Other sums are allowed.
    ///
    /// Sums are in 64-bit floats and rounded once, to the models' type. A coefficient of 1 with all
    /// others 0 gives that model's floats, bit for bit. Tensors that are not floats are those of
    /// the first model. A sum that is too large for the type becomes infinite.
    ///
    /// # Panics
    /// If the number of coefficients is not the number of models.
    pub fn combine(&self, coefficients: &[f64]) -> StateDict {
        let models: Vec<&StateDict> = self.iter().map(|one| &one.weights).collect();
        assert_eq!(coefficients.len(), models.len(), "one coefficient for each model");
        by_blocks(
            models[0],
            cores(),
            |name| {
                let terms = coefficients.iter().zip(&models).filter(|(coefficient, _)| **coefficient != 0.0);
                terms.map(|(coefficient, model)| (*coefficient, data(model, name))).collect::<Vec<_>>()
            },
            |terms, dtype, start, room| {
                // Sums start at −0, which changes no number that is added to it, not even −0.
                let mut sums = [-0.0; BLOCK];
                let sums = &mut sums[..room.len() * 8 / dtype.bitsize()];
                for (coefficient, data) in terms {
                    add_scaled(dtype, &data[start..start + room.len()], *coefficient, sums);
                }
                write_rounded(dtype, sums, room);
            },
        )
    }
}
