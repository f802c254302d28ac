//! The largest magnitudes of task vectors, found exactly.
//!
//! The bits of a float that is not negative are in the order of its value. A sample of a tensor's
//! magnitudes gives bounds of the smallest one that is kept; a pass over all of them counts those
//! above, and only the few between the bounds are ordered.

use super::blocks::{Block, Tensor};

/// Magnitudes in a sample: the bounds then enclose one magnitude in twenty or less.
const SAMPLE: usize = 1 << 14;

/// What is kept of a task vector: all magnitudes above the smallest one, and of those that equal it
/// the first ones.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The smallest magnitude that is kept.
    least: u32,
    /// The index of the last element that is kept of those with that magnitude.
    last: usize,
}

impl Cut {
    const NOTHING_LEFT_OUT: Self = Self { least: 0, last: usize::MAX };

    /// Writes the changes of a model that are kept, and 0 for the others.
    pub(super) fn keep(self, model: &[f64], block: &Block<'_>, kept: &mut [f64]) {
        for (room, (value, base)) in kept.iter_mut().zip(model.iter().zip(block.base())) {
            let change = value - base;
            *room = if magnitude(change) >= self.least { change } else { 0.0 };
        }
        if self.last < block.start + block.len() {
            let after = self.last.saturating_add(1).saturating_sub(block.start);
            for room in &mut kept[after..] {
                *room = if magnitude(*room) == self.least { 0.0 } else { *room };
            }
        }
    }
}

/// The magnitude of a change as the bits of a 32-bit float, which are in the order of its value.
fn magnitude(change: f64) -> u32 {
    (change.abs() as f32).to_bits()
}

/// Finds the `count` largest magnitudes of the tensor's change in each model; of equal ones, the
/// first in row-major order.
///
/// Memory: the magnitudes of the tensor in one model, 4 bytes each.
pub(super) fn largest(tensor: &Tensor<'_>, count: usize) -> Vec<Cut> {
    if count >= tensor.elements() {
        return vec![Cut::NOTHING_LEFT_OUT; tensor.models()];
    }
    let mut magnitudes = vec![0; tensor.elements()];
    let cut = |model| {
        tensor.of_model(model).for_each_block(|block| {
            let rooms = &mut magnitudes[block.start..][..block.len()];
            for (room, (value, base)) in rooms.iter_mut().zip(block.model(0).iter().zip(block.base())) {
                *room = magnitude(value - base);
            }
        });
        cut(&magnitudes, count)
    };
    (0..tensor.models()).map(cut).collect()
}

/// Finds the cut that keeps `count` magnitudes, fewer than there are.
fn cut(magnitudes: &[u32], count: usize) -> Cut {
    let [low, high] = bounds(magnitudes, count);
    let above = magnitudes.iter().filter(|&&magnitude| magnitude > high).count();
    let mut between: Vec<u32> =
        magnitudes.iter().copied().filter(|magnitude| (low..=high).contains(magnitude)).collect();
    let (mut rank, mut above) = (count.wrapping_sub(above), above);
    if rank == 0 || rank > between.len() {
        // The sample misled, which is rare: order them all.
        (between, rank, above) = (magnitudes.to_vec(), count, 0);
    }
    let (larger, least, _) = between.select_nth_unstable_by(rank - 1, |a, b| b.cmp(a));
    let least = *least;
    above += larger.iter().filter(|magnitude| **magnitude > least).count();
    let equal = magnitudes.iter().filter(|magnitude| **magnitude == least).count();
    let last = match count - above {
        all if all == equal => usize::MAX,
        some => {
            let mut places = magnitudes.iter().enumerate().filter(|(_, magnitude)| **magnitude == least);
            places.nth(some - 1).map_or(usize::MAX, |(at, _)| at)
        }
    };
    Cut { least, last }
}

/// Returns magnitudes between which the smallest one that is kept is, but for a chance of about one
/// in a million.
fn bounds(magnitudes: &[u32], count: usize) -> [u32; 2] {
    let all = magnitudes.len();
    if all <= SAMPLE {
        return [0, u32::MAX];
    }
    // Spread over the tensor, with a stride that is no round number.
    let stride = all / SAMPLE;
    let mut sample: Vec<u32> = (0..SAMPLE).map(|at| magnitudes[at * stride + (at * 7919) % stride]).collect();
    sample.sort_unstable_by(|a, b| b.cmp(a));
    let share = count as f64 / all as f64;
    let deviation = (SAMPLE as f64 * share * (1.0 - share)).sqrt();
    let rank = |by: f64| SAMPLE as f64 * share + by * (deviation + 1.0);
    let high = if rank(-5.0) < 0.0 { u32::MAX } else { sample[rank(-5.0) as usize] };
    let low = sample.get(rank(5.0).ceil() as usize).copied().unwrap_or(0);
    [low, high]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merge::blocks::block_by_block;
    use crate::merge::method::Parts;
    use crate::merge::task_vectors::fixtures::{values, weights};

    /// Returns 1 for every element of one of `vectors` that is kept, else 0.
    fn kept(vectors: &[&[f32]], which: usize, count: usize) -> Vec<f32> {
        let base = weights(&vec![0.0; vectors[0].len()], 0.0);
        let models: Vec<_> = vectors.iter().map(|vector| weights(vector, 0.0)).collect();
        let models: Vec<_> = models.iter().collect();
        let parts = Parts { base: Some(&base), ..Parts::of(&models) };
        let merged = block_by_block(
            &parts,
            |tensor| Ok(largest(tensor, count)),
            |cuts, block, out| {
                cuts[which].keep(block.model(which), block, out);
            },
        );
        values(&merged.unwrap(), "fc.weight")
    }

    fn by_sorting(vector: &[f32], count: usize) -> Vec<f32> {
        let mut order: Vec<usize> = (0..vector.len()).collect();
        order.sort_by(|&a, &b| vector[b].abs().total_cmp(&vector[a].abs())); // stable
        let mut kept = vec![0.0; vector.len()];
        order.iter().take(count).for_each(|&at| kept[at] = vector[at]);
        kept
    }

    #[test]
    fn of_equal_magnitudes_the_first_are_kept() {
        let vectors: [&[f32]; 2] = [&[1.0, -2.0, 1.0, -1.0, 0.5], &[0.0, 0.0, 0.0, 0.0, -3.0]];
        assert_eq!(kept(&vectors, 0, 3), [1.0, -2.0, 1.0, 0.0, 0.0]);
        assert_eq!(kept(&vectors, 0, 2), [1.0, -2.0, 0.0, 0.0, 0.0]);
        assert_eq!(kept(&vectors, 1, 3), [0.0, 0.0, 0.0, 0.0, -3.0]);
        assert_eq!(kept(&vectors, 1, 5), vectors[1]);
    }

    #[test]
    fn a_sample_bounds_those_of_a_large_tensor() {
        let noise: Vec<f32> = (0..100_000u32).map(|at| (f64::from(at) * 0.7).sin().powi(3) as f32).collect();
        // Few values, of which most are equal.
        let steps: Vec<f32> = noise.iter().map(|value| (value * 3.0).round()).collect();
        let rare: Vec<f32> = (0..100_000).map(|at| if at % 997 == 3 { at as f32 } else { 0.0 }).collect();
        for vector in [&noise, &steps, &rare] {
            for count in [1, 7, 90, 20_000, 50_000, 99_999] {
                assert!(
                    kept(&[vector], 0, count) == by_sorting(vector, count),
                    "{count} of {:?}",
                    &vector[..9]
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn those_kept_are_the_first_of_a_stable_sort(
            vector in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![0.0f32, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-40, f32::MAX]),
                    -3.0f32..3.0,
                ],
                1..3000,
            ),
            share in 0.0f64..1.0,
        ) {
            let count = ((share * vector.len() as f64) as usize).max(1);
            let other: Vec<f32> = vector.iter().rev().copied().collect();
            let vectors: [&[f32]; 2] = [&vector, &other];
            prop_assert_eq!(kept(&vectors, 0, count), by_sorting(&vector, count));
            prop_assert_eq!(kept(&vectors, 1, count), by_sorting(&other, count));
        }
    }
}
