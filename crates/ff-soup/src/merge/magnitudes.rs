//! The largest magnitudes of task vectors, found exactly.
//!
//! The bits of a float that is not negative are in the order of its value. A sample of a tensor's
//! magnitudes gives bounds of the smallest one that is kept; a pass over all of them counts those
//! above, and only the few between the bounds are ordered.

use multiversion::multiversion;

use super::blocks::{Block, Tensor};
use super::mean::BLOCK;

/// The least number of magnitudes in a sample.
const LEAST_SAMPLE: usize = 1 << 12;
/// Neighbours in a sample.
const PIECE: usize = 16;

/// What is kept of a task vector: all magnitudes above the smallest one, and of those that equal it
/// the first ones.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The smallest magnitude that is kept.
    least: f32,
    /// The index of the last element that is kept of those with that magnitude.
    last: usize,
}

impl Cut {
    const NOTHING_LEFT_OUT: Self = Self { least: 0.0, last: usize::MAX };

    /// Writes the changes of a model that are kept, and 0 for the others.
    pub(super) fn keep(self, model: &[f64], block: &Block<'_>, kept: &mut [f64]) {
        let until = self.last.saturating_add(1).saturating_sub(block.start).min(block.len());
        let (first, after) = kept.split_at_mut(until);
        keep_from(self.least, &model[..until], &block.base()[..until], first);
        keep_from(self.least.next_up(), &model[until..], &block.base()[until..], after);
    }
}

/// Writes the changes of which the magnitude is `least` or more, and 0 for the others.
#[multiversion(targets("x86_64+avx2"))]
fn keep_from(least: f32, model: &[f64], base: &[f64], kept: &mut [f64]) {
    for (room, (value, base)) in kept.iter_mut().zip(model.iter().zip(base)) {
        let change = value - base;
        *room = if change.abs() as f32 >= least { change } else { 0.0 };
    }
}

/// Finds the `count` largest magnitudes of the tensor's change in each model; of equal ones, the
/// first in row-major order.
pub(super) fn largest(tensor: &Tensor<'_>, count: usize) -> Vec<Cut> {
    if count >= tensor.elements() {
        return vec![Cut::NOTHING_LEFT_OUT; tensor.models()];
    }
    (0..tensor.models()).map(|model| Magnitudes { tensor, model }.cut(count)).collect()
}

/// The magnitudes of a tensor's change in a model.
struct Magnitudes<'a> {
    tensor: &'a Tensor<'a>,
    model: usize,
}

impl Magnitudes<'_> {
    /// Finds the cut that keeps `count` magnitudes, fewer than there are.
    fn cut(&self, count: usize) -> Cut {
        let (mut above, mut between) = self.split(self.bounds(count));
        if count <= above || count > above + between.len() {
            // The sample misled, which is rare: order them all.
            (above, between) = self.split([0, i32::MAX]);
        }
        let rank = count - above;
        let (larger, &mut least, _) = between.select_nth_unstable_by(rank - 1, |a, b| b.cmp(a));
        let kept = rank - larger.iter().filter(|magnitude| **magnitude > least).count();
        let equal = between.iter().filter(|magnitude| **magnitude == least).count();
        let last = if kept == equal { usize::MAX } else { self.place(least, kept) };
        Cut { least: f32::from_bits(least.cast_unsigned()), last }
    }

    /// Calls `each` with the first index of a run of magnitudes and the run, in order.
    fn for_each_run(&self, mut each: impl FnMut(usize, &[i32])) {
        let mut room = [0; BLOCK];
        let elements = self.tensor.elements();
        for start in (0..elements).step_by(BLOCK) {
            let run = &mut room[..BLOCK.min(elements - start)];
            self.tensor.write_magnitudes(self.model, start, run);
            each(start, run);
        }
    }

    /// Returns how many magnitudes are above `high`, and those from `low` to `high`.
    fn split(&self, bounds: [i32; 2]) -> (usize, Vec<i32>) {
        let (mut above, mut between) = (0, Vec::new());
        self.for_each_run(|_, run| above += split(run, bounds, &mut between));
        (above, between)
    }

    /// Returns the index of the `count`th magnitude of this value.
    fn place(&self, value: i32, count: usize) -> usize {
        let (mut seen, mut place) = (0, usize::MAX);
        self.for_each_run(|start, run| {
            for (at, _) in run.iter().enumerate().filter(|(_, magnitude)| **magnitude == value) {
                seen += 1;
                place = if seen == count { start + at } else { place };
            }
        });
        place
    }

    /// Returns magnitudes between which the smallest one that is kept is, but for a chance of less
    /// than one in a hundred.
    fn bounds(&self, count: usize) -> [i32; 2] {
        let elements = self.tensor.elements();
        if elements <= LEAST_SAMPLE {
            return [0, i32::MAX];
        }
        // Short pieces, evenly spread over the tensor.
        let pieces = LEAST_SAMPLE.max(elements / 32) / PIECE;
        let mut sample = vec![0; pieces * PIECE];
        for (at, piece) in sample.chunks_mut(PIECE).enumerate() {
            self.tensor.write_magnitudes(self.model, at * (elements - PIECE) / pieces, piece);
        }
        let (size, share) = (sample.len() as f64, count as f64 / elements as f64);
        let deviation = (size * share * (1.0 - share)).sqrt();
        let rank = |by: f64| size * share + by * (deviation + 1.0);
        let mut ranked = |rank: usize| *sample.select_nth_unstable_by(rank, |a, b| b.cmp(a)).1;
        let high = if rank(-3.0) < 0.0 { i32::MAX } else { ranked(rank(-3.0) as usize) };
        let low = if rank(3.0).ceil() < size { ranked(rank(3.0).ceil() as usize) } else { 0 };
        [low, high]
    }
}

/// Returns how many magnitudes of a run are above `high`, and adds those from `low` to `high`.
#[multiversion(targets("x86_64+avx2"))]
fn split(run: &[i32], [low, high]: [i32; 2], between: &mut Vec<i32>) -> usize {
    for chunk in run.chunks(16) {
        // Most chunks have none, which is seen without a branch for each magnitude.
        let distances = chunk.iter().map(|magnitude| magnitude.wrapping_sub(low).cast_unsigned());
        if distances.fold(u32::MAX, u32::min) <= high.abs_diff(low) {
            // Nor is there one here: what is not between is overwritten.
            let mut end = between.len();
            between.resize(end + chunk.len(), 0);
            for magnitude in chunk {
                between[end] = *magnitude;
                end += usize::from((low..=high).contains(magnitude));
            }
            between.truncate(end);
        }
    }
    run.iter().map(|magnitude| i32::from(*magnitude > high)).sum::<i32>() as usize
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
                cuts[which].keep(&block.model(which), block, out);
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
