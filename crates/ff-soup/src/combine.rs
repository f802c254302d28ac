//! Weights between and beyond models.

use ff_checkpoint::{Dtype, StateDict, TensorRef, cores, on_threads, write_rounded};

use crate::ingredient::Ingredients;
use crate::merge::mean::{BLOCK, add_scaled, block_bytes};

impl Ingredients {
    /// Σ cᵢ·θᵢ, with one coefficient for each model in order: a point on the line through two models, on the plane
    /// through three. Coefficients that add up to 1 give weights like those of a model; others are allowed.
    ///
    /// Sums are in 64-bit floats and rounded once, to the models' type. A coefficient of 1 with the others 0 gives that
    /// model's floats to the bit. Tensors that are not floats are the first model's. A sum that is too large for the
    /// type is infinite.
    ///
    /// # Panics
    /// Unless there are as many coefficients as models.
    pub fn combine(&self, coefficients: &[f64]) -> StateDict {
        let models: Vec<&StateDict> = self.iter().map(|one| &one.weights).collect();
        assert_eq!(coefficients.len(), models.len(), "one coefficient for each model");
        models[0].refilled(|rooms| {
            let mut work = Vec::new();
            for (name, first, room) in rooms {
                if !first.is_float() {
                    room.copy_from_slice(first.data);
                    continue;
                }
                let terms: Vec<(f64, &[u8])> = coefficients
                    .iter()
                    .zip(&models)
                    .filter(|(coefficient, _)| **coefficient != 0.0)
                    .map(|(coefficient, model)| (*coefficient, data(model, name)))
                    .collect();
                let TensorRef { dtype, .. } = first;
                let size = block_bytes(dtype);
                work.extend(
                    room.chunks_mut(size)
                        .enumerate()
                        .map(move |(i, room)| (dtype, terms.clone(), i * size, room)),
                );
            }
            on_threads(cores(), work, |(dtype, terms, start, room): (Dtype, Vec<_>, usize, &mut [u8])| {
                // −0 is the zero that changes no number it is added to, not even −0.
                let mut sums = [-0.0; BLOCK];
                let sums = &mut sums[..room.len() * 8 / dtype.bitsize()];
                for (coefficient, data) in terms {
                    add_scaled(dtype, &data[start..start + room.len()], coefficient, sums);
                }
                write_rounded(dtype, sums, room);
            });
        })
    }
}

fn data<'a>(weights: &'a StateDict, name: &str) -> &'a [u8] {
    weights.get(name).expect("ingredients have the same keys").data
}
