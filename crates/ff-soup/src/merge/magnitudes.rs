//! The largest magnitudes of task vectors, found exactly in a few passes over mapped files.
//!
//! The bits of a float that is not negative are in the order of its value. Each pass counts the
//! values of the next digit of these bits among the magnitudes whose higher digits are known, which
//! determines the digit of the smallest magnitude that is kept. So the memory is that of the
//! counts, whatever the size of the tensor.

use super::blocks::Tensor;

/// Bits of the digit that a pass determines: three passes cover a float, and the counts of fifty
/// models fit in a core's cache.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;

/// Which elements of a task vector are among its largest.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The smallest magnitude that is kept.
    least: u32,
    /// The index of the last element of this magnitude that is kept.
    last: usize,
}

impl Cut {
    const NOTHING_LEFT_OUT: Self = Self { least: 0, last: usize::MAX };

    /// Returns true if the element of this magnitude and index is kept.
    pub(super) fn keeps(self, magnitude: u32, index: usize) -> bool {
        magnitude > self.least || (magnitude == self.least && index <= self.last)
    }
}

/// Returns the magnitude of a change, as the bits of a 32-bit float.
pub(super) fn magnitude(change: f64) -> u32 {
    (change.abs() as f32).to_bits()
}

/// Returns which `count` elements of each model's task vector have the largest magnitudes. Of equal
/// magnitudes, those of lower index are taken. `count` is at least 1.
pub(super) fn largest(tensor: &Tensor<'_>, models: usize, count: usize) -> Vec<Cut> {
    if count >= tensor.elements() {
        return vec![Cut::NOTHING_LEFT_OUT; models];
    }
    let mut searches = vec![Search { known: 0, rank: count, equal: 0 }; models];
    for shift in [2 * DIGIT, DIGIT, 0] {
        let mut counts = vec![[0usize; DIGITS]; models];
        for_each_magnitude(tensor, |model, _, magnitude| {
            if magnitude >> (shift + DIGIT) == searches[model].known {
                counts[model][(magnitude >> shift) as usize % DIGITS] += 1;
            }
        });
        searches.iter_mut().zip(&counts).for_each(|(search, counts)| search.narrow(counts));
    }
    let cut = |search: &Search| Cut { least: search.known as u32, last: usize::MAX };
    let mut cuts: Vec<Cut> = searches.iter().map(cut).collect();
    if searches.iter().any(|search| search.rank < search.equal) {
        for_each_magnitude(tensor, |model, index, magnitude| {
            let search = &mut searches[model];
            if magnitude == search.known && search.rank > 0 {
                search.rank -= 1;
                cuts[model].last = index;
            }
        });
    }
    cuts
}

/// The search for the smallest magnitude that is kept.
#[derive(Clone, Copy)]
struct Search {
    /// Its higher digits, as far as they are known.
    known: u64,
    /// Its rank among the magnitudes with these digits, where 1 is the largest.
    rank: usize,
    /// The number of magnitudes with these digits.
    equal: usize,
}

impl Search {
    /// Determines the next digit from how often each of its values occurs.
    fn narrow(&mut self, counts: &[usize; DIGITS]) {
        for (digit, &count) in counts.iter().enumerate().rev() {
            if self.rank <= count {
                self.known = (self.known << DIGIT) | digit as u64;
                self.equal = count;
                return;
            }
            self.rank -= count;
        }
        unreachable!("the rank is at most the number of magnitudes");
    }
}

/// Calls `each` with the number of a model, the index of an element and its change's magnitude.
fn for_each_magnitude(tensor: &Tensor<'_>, mut each: impl FnMut(usize, usize, u64)) {
    tensor.for_each_block(|block| {
        for (number, model) in block.models().enumerate() {
            for (at, (value, base)) in model.iter().zip(block.base()).enumerate() {
                each(number, block.start + at, u64::from(magnitude(value - base)));
            }
        }
    });
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
            |tensor| Ok(largest(tensor, models.len(), count)),
            |cuts, block, out| {
                for (at, (out, value)) in out.iter_mut().zip(block.model(which)).enumerate() {
                    *out = f64::from(cuts[which].keeps(magnitude(*value), block.start + at));
                }
            },
        );
        values(&merged.unwrap(), "fc.weight")
    }

    fn by_sorting(vector: &[f32], count: usize) -> Vec<f32> {
        let mut order: Vec<usize> = (0..vector.len()).collect();
        order.sort_by(|&a, &b| vector[b].abs().total_cmp(&vector[a].abs())); // stable
        let mut kept = vec![0.0; vector.len()];
        order.iter().take(count).for_each(|&at| kept[at] = 1.0);
        kept
    }

    #[test]
    fn of_equal_magnitudes_the_first_are_kept() {
        let vectors: [&[f32]; 2] = [&[1.0, -2.0, 1.0, -1.0, 0.5], &[0.0, 0.0, 0.0, 0.0, -3.0]];
        assert_eq!(kept(&vectors, 0, 3), [1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(kept(&vectors, 1, 3), [1.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(kept(&vectors, 1, 5), [1.0; 5]);
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
