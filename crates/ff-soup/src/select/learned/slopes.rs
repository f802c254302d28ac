//! Derivatives of a loss by the coefficients of models.

use ff_checkpoint::{StateDict, TensorRef, map_on_cores};

use crate::merge::mean::{BLOCK, widen};
use crate::merge::vector::dot;

/// Computes Σᵢ gᵢ·θₖᵢ, the derivative by the coefficient of each model k, for parts of the tensors
/// of a gradient g, in order.
///
/// It makes one pass over the models' files, block by block on all cores. Sums are in 64-bit
/// floats, and do not depend on the number of cores.
///
/// # Errors
/// The first tensor of the gradient that is not in the models, or has another size there.
pub(super) fn slopes<'a>(
    gradient: &'a StateDict,
    models: &[&StateDict],
) -> Result<Vec<(&'a str, Vec<f64>)>, String> {
    let sources = |(name, tensor): (&'a str, TensorRef<'a>)| {
        let fits = |other: &TensorRef<'_>| other.is_float() && other.elements() == tensor.elements();
        let all: Option<Vec<TensorRef<'_>>> =
            models.iter().map(|model| model.get(name).filter(fits)).collect();
        match all {
            Some(all) if tensor.is_float() => Ok((name, tensor, all)),
            _ => Err(format!("the gradient's `{name}` of shape {:?} is not in the models", tensor.shape)),
        }
    };
    let tensors = gradient.iter().map(sources).collect::<Result<Vec<_>, _>>()?;
    let blocks =
        tensors.iter().flat_map(|all| (0..all.1.elements()).step_by(BLOCK).map(move |start| (all, start)));
    Ok(map_on_cores(blocks, |((name, tensor, sources), start)| {
        let count = BLOCK.min(tensor.elements() - start);
        let (mut gradient, mut values) = ([0.0; BLOCK], [0.0; BLOCK]);
        let gradient = read(tensor, start, &mut gradient[..count]);
        let slopes = sources.iter().map(|source| dot(gradient, read(source, start, &mut values[..count])));
        (*name, slopes.collect())
    }))
}

/// Reads elements of a tensor from `start` until `room` is full.
fn read<'a>(tensor: &TensorRef<'_>, start: usize, room: &'a mut [f64]) -> &'a [f64] {
    let size = tensor.dtype.bitsize() / 8;
    widen(tensor.dtype, &tensor.data[start * size..(start + room.len()) * size], room);
    room
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::{Dtype, OwnedTensor};

    use super::*;

    /// Tensors of these types with `count` elements each, of small integers: sums are exact.
    fn weights(count: usize, seed: usize, dtypes: [Dtype; 2]) -> (StateDict, Vec<f64>) {
        let values: Vec<f64> = (0..count).map(|at| ((at * 7 + seed * 13) % 11) as f64 - 5.0).collect();
        let tensor = |dtype| OwnedTensor::rounded(dtype, &[count], &values);
        let tensors = [("a.w".to_owned(), tensor(dtypes[0])), ("b.w".to_owned(), tensor(dtypes[1]))];
        (StateDict::from_tensors(tensors.into()), values)
    }

    #[test]
    fn parts_add_up_to_the_inner_products() {
        for count in [0, 1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 9] {
            let (gradient, g) = weights(count, 0, [Dtype::F32, Dtype::F32]);
            let models = [1, 2, 3].map(|seed| weights(count, seed, [Dtype::F16, Dtype::F64]));
            let parts = slopes(&gradient, &models.each_ref().map(|(model, _)| model)).unwrap();
            assert_eq!(parts.len(), 2 * count.div_ceil(BLOCK));
            for (at, (_, values)) in models.iter().enumerate() {
                let expected: f64 = g.iter().zip(values).map(|(g, value)| g * value).sum();
                for tensor in ["a.w", "b.w"] {
                    let of_tensor = parts.iter().filter(|(name, _)| *name == tensor);
                    let sum: f64 = of_tensor.map(|(_, slopes)| slopes[at]).sum();
                    assert_eq!(sum, expected, "{count} elements of {tensor}, model {at}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_of_another_size_is_named() {
        let (gradient, _) = weights(3, 0, [Dtype::F32, Dtype::F32]);
        let (model, _) = weights(4, 0, [Dtype::F32, Dtype::F32]);
        let error = slopes(&gradient, &[&model]).unwrap_err();
        assert_eq!(error, "the gradient's `a.w` of shape [3] is not in the models");
    }
}
