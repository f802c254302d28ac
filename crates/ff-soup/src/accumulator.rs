//! Means of weights.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict, TensorRef};

/// A running sum of equally weighted weights, in 64-bit floats: two models' worth of memory however many are
/// added, and one pass over a file for each.
///
/// A sum of up to 2⁶ 32-bit floats is exact in 64 bits unless the magnitudes of one weight differ by more than
/// 2²³, so a mean does not depend on the order in practice. The mean is rounded once, to the ingredients' own
/// type. Integer tensors (BatchNorm's `num_batches_tracked`) are the first ingredient's.
pub struct Accumulator {
    first: StateDict,
    sums: BTreeMap<String, Vec<f64>>,
    count: usize,
}

impl Accumulator {
    /// Starts from one model.
    pub fn new(first: StateDict) -> Self {
        let sums = first
            .iter()
            .filter(|(_, tensor)| tensor.is_float())
            .map(|(name, tensor)| (name.to_owned(), vec![0.0; tensor.elements()]))
            .collect();
        let mut accumulator = Self { first: first.clone(), sums, count: 0 };
        accumulator.add(&first);
        accumulator
    }

    /// Adds one more model. Keys, shapes and types must be those of the first
    /// ([`Ingredients`](crate::Ingredients) checks that).
    pub fn add(&mut self, weights: &StateDict) {
        for (name, sums) in &mut self.sums {
            let tensor = weights.get(name).expect("ingredients have the same keys");
            for_each_value(tensor, |i, value| sums[i] += value);
        }
        self.count += 1;
    }

    /// The mean of what was added.
    pub fn mean(&self) -> StateDict {
        self.rounded(|_, sums| sums.iter().map(|sum| sum / self.count as f64).collect())
    }

    /// The mean as it would be with one more model: what a greedy soup asks at each step.
    pub fn mean_with(&self, weights: &StateDict) -> StateDict {
        let count = (self.count + 1) as f64;
        self.rounded(|name, sums| {
            let tensor = weights.get(name).expect("ingredients have the same keys");
            let mut means = vec![0.0; sums.len()];
            for_each_value(tensor, |i, value| means[i] = (sums[i] + value) / count);
            means
        })
    }

    fn rounded(&self, mean: impl Fn(&str, &[f64]) -> Vec<f64>) -> StateDict {
        let tensors = self.first.iter().map(|(name, tensor)| {
            let tensor = match self.sums.get(name) {
                Some(sums) => OwnedTensor::rounded(tensor.dtype, tensor.shape, &mean(name, sums)),
                None => tensor.to_owned(),
            };
            (name.to_owned(), tensor)
        });
        StateDict::from_tensors(tensors.collect())
    }
}

fn for_each_value(tensor: TensorRef<'_>, mut f: impl FnMut(usize, f64)) {
    fn each<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f64, f: &mut impl FnMut(usize, f64)) {
        for (i, bytes) in data.as_chunks::<N>().0.iter().enumerate() {
            f(i, value(*bytes));
        }
    }
    match tensor.dtype {
        Dtype::F32 => each(tensor.data, |b| f32::from_le_bytes(b).into(), &mut f),
        Dtype::F64 => each(tensor.data, f64::from_le_bytes, &mut f),
        Dtype::F16 => each(tensor.data, |b| half::f16::from_le_bytes(b).into(), &mut f),
        Dtype::BF16 => each(tensor.data, |b| half::bf16::from_le_bytes(b).into(), &mut f),
        other => unreachable!("only floats are averaged, not {other}"),
    }
}
