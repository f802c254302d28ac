//! RegMean: the weights of each layer that come closest to what the models' layers compute.

use ff_checkpoint::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::{Block, Tensor, block_by_block};
use super::cholesky::Cholesky;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, Statistics, settings_of};
use super::statistics::{Values, check, of_tensor, value};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "regmean",
    about: "RegMean: linear and convolution layers by least squares on their inputs (Jin et al. 2023)",
    needs: Needs::Statistics(Statistics::Gram),
    new: settings_of::<RegMean>,
};

/// The merge method RegMean (arXiv 2212.09849): for a weight `W_k` with the inner products
/// `G_k = X_kᵀ X_k` of its layer's inputs, `W = (Σ_k G_k)⁻¹ Σ_k G_k W_kᵀ`, transposed.
///
/// This is the weight whose outputs differ least from those of each model on that model's inputs,
/// summed over the models. A kernel `[outputs, inputs, height, width]` is a matrix of `outputs` rows;
/// fusion_bench merges linear layers alone. Tensors without statistics, such as biases and wide
/// layers, take the plain mean, as do the weights of an input that is 0 in every model, on which no
/// output depends.
///
/// Time of a weight `[outputs, d]`: `models · outputs · d² + d³ / 6` multiplications in 64-bit
/// floats, one tensor on each core. Memory: the result, the same in 64-bit floats for the tensors
/// with statistics, and a matrix of d² on each core. Statistics are not copied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegMean {
    /// The factor of the inner products of different inputs, from 0 to 1. Below 1 it moves the
    /// result towards the mean weighted by each input's size. 0.9 unless it is set; the authors'
    /// published configurations have 0.1, or scale nothing.
    pub scale: f64,
}

impl Default for RegMean {
    fn default() -> Self {
        Self { scale: 0.9 }
    }
}

impl RegMean {
    /// Computes a weight, row-major `[outputs, d]`.
    fn solve(&self, tensor: &Tensor<'_>, grams: &[Values<'_>], d: usize) -> Result<Vec<f64>, String> {
        let mut sum = self.sum(grams, d)?;
        // A factor of a zero row would divide by zero, and all of the row is 0.
        let is_zero: Vec<bool> = (0..d).map(|at| sum[at * d + at] == 0.0).collect();
        is_zero.iter().enumerate().filter(|(_, zero)| **zero).for_each(|(at, _)| sum[at * d + at] = 1.0);
        let mut weight = vec![0.0; tensor.elements()];
        tensor.for_each_block(|block| self.add_products(block, grams, &is_zero, &mut weight));
        let factor = Cholesky::new(sum, d).map_err(|row| {
            format!(
                "the inner products of its {d} inputs are not positive definite at input {row}\n\
                 hint: compute the statistics on more images, or set `scale` below 1, now {}",
                self.scale
            )
        })?;
        weight.chunks_exact_mut(d).for_each(|row| factor.solve(row));
        Ok(weight)
    }

    /// Adds up the models' inner products, with those of different inputs scaled.
    fn sum(&self, grams: &[Values<'_>], d: usize) -> Result<Vec<f64>, String> {
        let mut sum = vec![0.0; d * d];
        for (model, gram) in grams.iter().enumerate() {
            let at = |row: usize, column: usize| value(gram[row * d + column]);
            for row in 0..d {
                for column in 0..=row {
                    let (found, other) = (at(row, column), at(column, row));
                    // A negative number on the diagonal makes this a NaN, which is above nothing.
                    let bound = at(row, row).sqrt() * at(column, column).sqrt();
                    let is_valid = (found - other).abs() <= 1e-3 * bound && found.abs() <= 1.001 * bound;
                    if !is_valid {
                        return Err(format!(
                            "statistics of model {}: expected inner products, a symmetric matrix, found \
                             {found} at [{row}, {column}] and {other} at [{column}, {row}]",
                            model + 1
                        ));
                    }
                    sum[row * d + column] += if row == column { found } else { self.scale * found };
                }
            }
        }
        Ok(sum)
    }

    /// Adds each element's row of its model's inner products, times the element, to the element's
    /// row of the weight; in the column of a zero input, its share of the mean.
    fn add_products(&self, block: &Block<'_>, grams: &[Values<'_>], is_zero: &[bool], weight: &mut [f64]) {
        let d = is_zero.len();
        block.for_each_model(|model, values| {
            let gram = &grams[model];
            for (at, element) in (block.start..).zip(values) {
                let (row, column) = (at / d, at % d);
                let out = &mut weight[row * d..][..d];
                if is_zero[column] {
                    out[column] += element / grams.len() as f64;
                    continue;
                }
                let products = &gram[column * d..][..d];
                let factor = self.scale * element;
                out.iter_mut().zip(products).for_each(|(out, product)| *out += factor * value(*product));
                out[column] += (1.0 - self.scale) * element * value(products[column]);
            }
        });
    }
}

impl Settings for RegMean {
    fn check(&self) -> Result<(), String> {
        match (0.0..=1.0).contains(&self.scale) {
            true => Ok(()),
            false => Err(format!("scale: expected a number from 0 to 1, found {}", self.scale)),
        }
    }
}

impl MergeMethod for RegMean {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.checked()?;
        check(parts, KIND.name, Statistics::Gram)?;
        block_by_block(
            parts,
            |tensor| {
                let d = tensor.shape.iter().skip(1).product();
                let found = of_tensor(parts, tensor.name, &[d, d])?;
                match found {
                    Some(grams) if tensor.elements() > 0 => self.solve(tensor, &grams, d).map(Some),
                    _ => Ok(None),
                }
            },
            |solved, block, out| match solved {
                Some(weight) => out.copy_from_slice(&weight[block.start..][..block.len()]),
                None => block.mean_into(out),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;
    use serde_json::json;

    use super::*;
    use crate::merge::task_vectors::fixtures::values;

    fn dict<const N: usize>(tensors: [(&str, &[usize], &[f32]); N]) -> StateDict {
        let owned = |(name, shape, values): (&str, &[usize], &[f32])| {
            (name.to_owned(), OwnedTensor::f32(shape, values))
        };
        StateDict::from_tensors(tensors.map(owned).into())
    }

    fn merge(scale: f64, models: &[&StateDict], statistics: &[&StateDict]) -> Result<StateDict, Error> {
        RegMean { scale }.merge(&Parts { models, base: None, statistics })
    }

    /// Inner products of noise: `rows` inputs of width `d`, row-major `[d, d]`.
    fn gram(seed: u64, rows: usize, d: usize) -> Vec<f32> {
        let noise = |at: usize| {
            let mut bits = ((seed << 32) | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (bits >> 40) as f64 / f64::from(1u32 << 24) - 0.5
        };
        let inputs: Vec<f64> = (0..rows * d).map(noise).collect();
        let one = |at: usize| inputs.chunks_exact(d).map(|row| row[at / d] * row[at % d]).sum::<f64>();
        (0..d * d).map(|at| one(at) as f32).collect()
    }

    #[test]
    fn one_model_and_equal_models_are_themselves() {
        // Kernels of 40 inputs and 3×3 places, and more than a block of elements.
        let (d, outputs) = (360, 5);
        let weight: Vec<f32> = (0..outputs * d).map(|at| (at as f32 * 0.37).cos()).collect();
        let model = dict([("conv.weight", &[outputs, 40, 3, 3], &weight)]);
        let of = [1, 2].map(|seed| dict([("conv.weight", &[d, d], &gram(seed, 500, d))]));
        for scale in [0.0, 0.9, 1.0] {
            for count in [1, 2] {
                let merged = merge(scale, &[&model, &model][..count], &[&of[0], &of[1]][..count]).unwrap();
                let merged = values(&merged, "conv.weight");
                let off = merged.iter().zip(&weight).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 1e-6, "scale {scale}, {count} models: off by {off}");
            }
        }
    }

    #[test]
    fn a_layer_takes_each_models_weights_for_its_inputs_and_the_rest_the_mean() {
        // The first model sees the first input only, the second one the second.
        let a = dict([("bias", &[1], &[2.0]), ("fc.weight", &[1, 3], &[1.0, 2.0, 3.0])]);
        let b = dict([("bias", &[1], &[4.0]), ("fc.weight", &[1, 3], &[5.0, 6.0, 9.0])]);
        let of_a = dict([("fc.weight", &[3, 3], &[2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])]);
        let of_b = dict([("fc.weight", &[3, 3], &[0.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0])]);
        for scale in [0.5, 1.0] {
            let merged = merge(scale, &[&a, &b], &[&of_a, &of_b]).unwrap();
            // The third input is 0 in both.
            assert_eq!(values(&merged, "fc.weight"), [1.0, 6.0, 6.0]);
            assert_eq!(values(&merged, "bias"), [3.0]);
        }
        // By hand: ΣG = [[3, 1], [1, 2]], Σ G W = [3, 1] + [0, 1], halved off the diagonal.
        let one = dict([("fc.weight", &[1, 2], &[1.0, 0.0])]);
        let two = dict([("fc.weight", &[1, 2], &[0.0, 1.0])]);
        let of_one = dict([("fc.weight", &[2, 2], &[3.0, 1.0, 1.0, 1.0])]);
        let of_two = dict([("fc.weight", &[2, 2], &[0.0, 0.0, 0.0, 1.0])]);
        let merged = merge(0.5, &[&one, &two], &[&of_one, &of_two]).unwrap();
        // [[3, ½], [½, 2]] x = [3, ½ + 1]
        assert_eq!(values(&merged, "fc.weight"), [5.25 / 5.75, 3.0 / 5.75]);
    }

    #[test]
    fn statistics_that_are_no_inner_products_are_refused() {
        let model = dict([("w", &[1, 2], &[1.0, 2.0])]);
        let error = |scale: f64, gram: &[f32]| {
            let statistics = dict([("w", &[2, 2], gram)]);
            merge(scale, &[&model], &[&statistics]).unwrap_err().to_string()
        };
        let singular = error(1.0, &[1.0, 1.0, 1.0, 1.0]);
        assert!(singular.starts_with("cannot merge `w`: the inner products of its 2 inputs"), "{singular}");
        assert!(singular.ends_with("set `scale` below 1, now 1"), "{singular}");
        let statistics = dict([("w", &[2, 2], &[1.0; 4])]);
        assert!(merge(0.9, &[&model], &[&statistics]).is_ok());
        assert!(error(0.9, &[1.0, 0.5, 0.0, 1.0]).contains("matrix, found 0 at [1, 0] and 0.5 at [0, 1]"));
        assert!(error(0.9, &[f32::NAN, 0.0, 0.0, 1.0]).contains("found NaN at [0, 0]"));
        assert!(error(0.9, &[-1.0, 0.0, 0.0, 1.0]).contains("found -1 at [0, 0]"));
        assert!(error(0.9, &[0.0, 1.0, 1.0, 1.0]).contains("found 1 at [1, 0]"), "of an input that is 0");
        let wrong = dict([("w", &[3, 3], &[0.0; 9])]);
        let text = merge(0.9, &[&model], &[&wrong]).unwrap_err().to_string();
        assert!(text.ends_with("statistics of model 1: expected F32 [2, 2], found F32 [3, 3]"), "{text}");
        let scale = (KIND.new)(&json!({"scale": 1.5})).err().unwrap();
        assert_eq!(scale, "scale: expected a number from 0 to 1, found 1.5");
        assert_eq!((KIND.new)(&json!({})).unwrap().settings(), json!({"scale": 0.9}));
    }
}
