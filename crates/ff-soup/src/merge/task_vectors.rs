//! What the methods on task vectors share. A task vector is what training changed: a model's
//! weights less the base's.

use ff_checkpoint::StateDict;
use multiversion::multiversion;
use serde_json::Value;

use super::blocks::{Block, Tensor, block_by_block};
use super::method::Parts;
use crate::error::Error;

/// Merges trained weights by `prepare` and `merge`, as [`block_by_block`] does. Running statistics
/// become the mean of the models.
///
/// Running statistics are measured, not trained. The base's belong to the base's weights, so the
/// difference to them is not a direction of training, and neither its length nor its sign says
/// what to keep. Sums of such differences can make a variance negative. The mean of variances
/// cannot be negative, and is the start from which they are recomputed.
pub(super) fn merge_trained<T: Send + Sync>(
    method: &str,
    parts: &Parts<'_>,
    prepare: impl Fn(&Tensor<'_>) -> T + Sync,
    merge: impl Fn(&T, &Block<'_>, &mut [f64]) + Sync,
) -> Result<StateDict, Error> {
    parts.base_for(method)?;
    block_by_block(
        parts,
        |tensor| Ok((!tensor.is_statistic()).then(|| prepare(tensor))),
        |made, block, out| match made {
            Some(made) => merge(made, block, out),
            None => block.mean_into(out),
        },
    )
}

/// Returns an error for settings without `lambda`: no factor of a sum fits every number of models.
pub(super) fn lambda_is_given(settings: &Value) -> Result<(), String> {
    match settings.get("lambda") {
        Some(_) => Ok(()),
        None => Err("lambda: expected a number, found none\n\
            hint: 1 divided by the number of models gives their mean"
            .to_owned()),
    }
}

/// For each element, the mean of the values that have the sign of their sum, or 0 if the sum is 0.
/// Values that are 0 do not count.
///
/// The TIES paper (arXiv 2306.01708) elects γ = sgn(Σ τ), which no value agrees with where the sum
/// is 0. The authors' code gives such an element the sign that most elements have; mergekit takes
/// the positive values.
pub(super) struct Election {
    above: Side,
    below: Side,
}

/// The values on one side of 0: their sums, and how many they are.
struct Side {
    sums: Vec<f64>,
    counts: Vec<f64>,
}

impl Election {
    /// Begins with no vectors of this length.
    pub(super) fn new(length: usize) -> Self {
        let side = || Side { sums: vec![0.0; length], counts: vec![0.0; length] };
        Self { above: side(), below: side() }
    }

    /// Adds the vector of a model.
    pub(super) fn add(&mut self, vector: &[f64]) {
        let Self { above, below } = self;
        vote([&mut above.sums, &mut above.counts, &mut below.sums, &mut below.counts], vector);
    }

    /// Writes the means.
    pub(super) fn write(&self, out: &mut [f64]) {
        for (at, out) in out.iter_mut().enumerate() {
            let sum = self.above.sums[at] + self.below.sums[at];
            let side = if sum > 0.0 { &self.above } else { &self.below };
            *out = if sum == 0.0 { 0.0 } else { side.sums[at] / side.counts[at] };
        }
    }
}

/// Adds values to the sums and counts of their side.
#[multiversion(targets("x86_64+avx2"))]
fn vote(sides: [&mut [f64]; 4], vector: &[f64]) {
    let length = vector.len();
    let [above, count_above, below, count_below] = sides.map(|values| &mut values[..length]);
    for (at, value) in vector.iter().copied().enumerate() {
        // Without branches, which could not be foreseen.
        above[at] += value.max(0.0);
        count_above[at] += if value > 0.0 { 1.0 } else { 0.0 };
        below[at] += value.min(0.0);
        count_below[at] += if value < 0.0 { 1.0 } else { 0.0 };
    }
}

/// Replaces a vector v by θ0 + λv.
pub(super) fn add_to_base(lambda: f64, block: &Block<'_>, vector: &mut [f64]) {
    vector.iter_mut().zip(block.base()).for_each(|(value, base)| *value = base + lambda * *value);
}

/// Weights and merges of them, for tests.
#[cfg(test)]
pub(super) mod fixtures {
    use ff_checkpoint::{OwnedTensor, StateDict};

    use crate::error::Error;
    use crate::merge::method::{MergeMethod, Parts};

    /// Makes weights with a tensor `fc.weight`, and the running variance `bn.running_var`.
    pub(in crate::merge) fn weights(values: &[f32], variance: f32) -> StateDict {
        let tensors = [
            ("fc.weight".to_owned(), OwnedTensor::f32([values.len()], values)),
            ("bn.running_var".to_owned(), OwnedTensor::f32([1], &[variance])),
        ];
        StateDict::from_tensors(tensors.into())
    }

    /// Merges models, with a base if there is one.
    pub(in crate::merge) fn merge(
        method: &dyn MergeMethod,
        models: &[&StateDict],
        base: Option<&StateDict>,
    ) -> Result<StateDict, Error> {
        method.merge(&Parts { base, ..Parts::of(models) })
    }

    /// Returns the values of a tensor.
    pub(in crate::merge) fn values(weights: &StateDict, name: &str) -> Vec<f32> {
        weights.get(name).unwrap().to_f32().unwrap()
    }

    /// Merges models with the task vectors `vectors`, from a base of zeros, and returns the weights.
    pub(in crate::merge) fn merge_vectors(method: &dyn MergeMethod, vectors: &[&[f32]]) -> Vec<f32> {
        let base = weights(&vec![0.0; vectors[0].len()], 1.0);
        let models: Vec<StateDict> = vectors.iter().map(|vector| weights(vector, 1.0)).collect();
        let models: Vec<&StateDict> = models.iter().collect();
        values(&merge(method, &models, Some(&base)).unwrap(), "fc.weight")
    }

    /// Returns `count` values between −1 and 1 that depend on `seed`.
    pub(in crate::merge) fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_disagree_with_their_sum_do_not_count() {
        let mut election = Election::new(4);
        for vector in [[3.0, -1.0, 0.0, 1.0], [1.0, -3.0, 0.0, -1.0], [-1.0, 0.0, 0.0, 0.0]] {
            election.add(&vector);
        }
        let mut out = [9.0; 4];
        election.write(&mut out);
        assert_eq!(out, [2.0, -2.0, 0.0, 0.0]);
    }
}
