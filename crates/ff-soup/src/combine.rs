//! Weights between and beyond models.

use ff_checkpoint::{StateDict, cores, write_rounded};

use crate::ingredient::Ingredients;
use crate::merge::mean::{BLOCK, add_scaled, by_blocks, data};

impl Ingredients {
    /// Σ cᵢ·θᵢ, with one coefficient for each model in order: a point on the line through two
    /// models, on the plane through three. Coefficients that add up to 1 give weights like those of
    /// a model; others are allowed.
    ///
    /// Sums are in 64-bit floats and rounded once, to the models' type. A coefficient of 1 with the
    /// others 0 gives that model's floats to the bit. Tensors that are not floats are the first
    /// model's. A sum that is too large for the type is infinite.
    ///
    /// # Panics
    /// Unless there are as many coefficients as models.
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
                // −0 is the zero that changes no number it is added to, not even −0.
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
