//! Means of weights that come one by one.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, StateDict, TensorRef, cores, on_threads};

use crate::merge::mean::{BLOCK, add, block_bytes, write_mean};

/// A running sum of equally weighted weights, in 64-bit floats: two models' worth of memory however many are
/// added, and one pass over a file for each.
///
/// A sum of up to 2⁶ 32-bit floats is exact in 64 bits unless the magnitudes of one weight differ by more than
/// 2²³, so a mean does not depend on the order in practice. The mean is rounded once, to the ingredients' own
/// type. Integer tensors (BatchNorm's `num_batches_tracked`) are the first ingredient's. Every core works, on
/// elements of its own, so the bits do not depend on how many there are.
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
        let mut work = Vec::new();
        for (name, sums) in &mut self.sums {
            let TensorRef { dtype, data, .. } = tensor(weights, name);
            let blocks = sums.chunks_mut(BLOCK).zip(data.chunks(block_bytes(dtype)));
            work.extend(blocks.map(|(sums, data)| (dtype, data, sums)));
        }
        on_threads(cores(), work, |(dtype, data, sums)| add(dtype, [data], sums));
        self.count += 1;
    }

    /// The mean of what was added.
    pub fn mean(&self) -> StateDict {
        self.mean_and(None)
    }

    /// The mean as it would be with one more model: what a greedy soup asks at each step.
    pub fn mean_with(&self, weights: &StateDict) -> StateDict {
        self.mean_and(Some(weights))
    }

    fn mean_and(&self, more: Option<&StateDict>) -> StateDict {
        let count = self.count + usize::from(more.is_some());
        self.first.refilled(|rooms| {
            let mut work = Vec::new();
            for (name, first, room) in rooms {
                let Some(sums) = self.sums.get(name) else {
                    room.copy_from_slice(first.data);
                    continue;
                };
                let more = more.map(|weights| tensor(weights, name).data);
                let size = block_bytes(first.dtype);
                for (i, (room, sums)) in room.chunks_mut(size).zip(sums.chunks(BLOCK)).enumerate() {
                    let more = more.map(|data| &data[i * size..i * size + room.len()]);
                    work.push((first.dtype, sums, more, room));
                }
            }
            on_threads(
                cores(),
                work,
                |(dtype, sums, more, room): (Dtype, &[f64], Option<&[u8]>, &mut [u8])| {
                    let mut sums = sums.to_vec();
                    if let Some(data) = more {
                        add(dtype, [data], &mut sums);
                    }
                    write_mean(dtype, &mut sums, count, room);
                },
            );
        })
    }
}

fn tensor<'a>(weights: &'a StateDict, name: &str) -> TensorRef<'a> {
    weights.get(name).expect("ingredients have the same keys")
}
