//! Running means of weights.

use std::collections::BTreeMap;

use ff_checkpoint::{StateDict, TensorRef, cores, on_threads};

use super::mean::{BLOCK, add, block_bytes, by_blocks, data, write_mean};

/// A running sum of models with equal shares, in 64-bit floats.
///
/// It needs the memory of two models for any number of them, and one pass over each model's file. A
/// sum of up to 2⁶ 32-bit floats is exact in 64 bits unless the magnitudes of one weight differ by
/// more than 2²³, so in practice a mean does not depend on the order. The mean is rounded once, to
/// the ingredients' type. Integer tensors (BatchNorm's `num_batches_tracked`) are those of the
/// first ingredient. Each element is summed by one thread, so the bits do not depend on the number
/// of cores.
pub(crate) struct Accumulator {
    first: StateDict,
    sums: BTreeMap<String, Vec<f64>>,
    count: usize,
}

impl Accumulator {
    /// Creates the sum of one model.
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

    /// Adds a model, whose keys, shapes and types must be those of the first
    /// ([`Ingredients`](crate::Ingredients) checks that).
    pub fn add(&mut self, weights: &StateDict) {
        let mut work = Vec::new();
        for (name, sums) in &mut self.sums {
            let TensorRef { dtype, data, .. } = weights.get(name).expect("ingredients have the same keys");
            let blocks = sums.chunks_mut(BLOCK).zip(data.chunks(block_bytes(dtype)));
            work.extend(blocks.map(|(sums, data)| (dtype, data, sums)));
        }
        on_threads(cores(), work, |(dtype, data, sums)| add(dtype, [data], sums));
        self.count += 1;
    }

    /// Computes the mean of the models in the sum and one more: a candidate of a greedy soup.
    pub fn mean_with(&self, weights: &StateDict) -> StateDict {
        by_blocks(
            &self.first,
            cores(),
            |name| (self.sums[name].as_slice(), data(weights, name)),
            |(sums, more), dtype, start, room| {
                let [first, count] = [start, room.len()].map(|bytes| bytes * 8 / dtype.bitsize());
                let mut sums = sums[first..first + count].to_vec();
                add(dtype, [&more[start..start + room.len()]], &mut sums);
                write_mean(dtype, &mut sums, self.count + 1, room);
            },
        )
    }
}
