//! Inner products between the units of two models.

use std::ops::Range;

use ff_checkpoint::{Dtype, cores, on_threads};

use super::axis::Axis;
use crate::merge::mean::widen;

/// Rows of the products that a thread computes at a time.
const ROWS: usize = 128;

/// Elements of each unit that are converted at a time: those of a few hundred units stay in a
/// core's cache.
const DEPTH: usize = 256;

/// Rows and columns whose sums are in registers.
const SIDE: usize = 4;

/// A tensor of the reference and of a model, with an axis of units.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub axis: &'a Axis,
    pub dtype: Dtype,
    pub reference: &'a [u8],
    pub model: &'a [u8],
}

/// Computes the inner product of each unit of the reference (row) with each of the model (column),
/// row-major `[units, units]`, summed over the tensors.
///
/// Each sum is in the order of the elements, without fused operations, so that it has the same bits
/// on every machine and with any number of threads. A library of matrix products promises neither.
pub(super) fn inner_products(units: usize, pairs: &[Pair<'_>]) -> Vec<f64> {
    let mut sums = vec![0.0; units * units];
    let work: Vec<(usize, &mut [f64])> = sums.chunks_mut(ROWS * units).enumerate().collect();
    on_threads(cores(), work, |(at, sums)| {
        let first = at * ROWS;
        let rows = first..first + sums.len() / units;
        pairs.iter().for_each(|pair| pair.add_products(&rows, sums));
    });
    sums
}

impl Pair<'_> {
    /// Adds the products of the reference's units `rows` to `sums`.
    fn add_products(&self, rows: &Range<usize>, sums: &mut [f64]) {
        let units = self.axis.units;
        let elements = self.axis.outer * self.axis.inner;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for start in (0..elements).step_by(DEPTH) {
            let part = start..elements.min(start + DEPTH);
            self.pack(self.reference, rows, &part, &mut left);
            self.pack(self.model, &(0..units), &part, &mut right);
            for (left, sums) in left.chunks_exact(part.len()).zip(sums.chunks_mut(SIDE * units)) {
                for (at, right) in right.chunks_exact(part.len()).enumerate() {
                    for (products, sums) in tile(left, right).iter().zip(sums.chunks_mut(units)) {
                        let sums = &mut sums[at * SIDE..];
                        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
            }
        }
    }

    /// Converts a part of the elements of each unit, four units beside each other. Units that are
    /// missing to the last four are 0.
    fn pack(&self, data: &[u8], units: &Range<usize>, part: &Range<usize>, packed: &mut Vec<[f64; SIDE]>) {
        let axis = self.axis;
        packed.clear();
        for first in units.clone().step_by(SIDE) {
            for element in part.clone() {
                let (outer, inner) = (element / axis.inner, element % axis.inner);
                packed.push(std::array::from_fn(|at| {
                    let unit = first + at;
                    if unit < units.end {
                        self.value(data, (outer * axis.units + unit) * axis.inner + inner)
                    } else {
                        0.0
                    }
                }));
            }
        }
    }

    fn value(&self, data: &[u8], at: usize) -> f64 {
        let size = self.dtype.bitsize() / 8;
        let mut value = [0.0];
        widen(self.dtype, &data[at * size..(at + 1) * size], &mut value);
        value[0]
    }
}

/// Computes the products of four units with four.
fn tile(left: &[[f64; SIDE]], right: &[[f64; SIDE]]) -> [[f64; SIDE]; SIDE] {
    let mut sums = [[0.0; SIDE]; SIDE];
    for (left, right) in left.iter().zip(right) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;

    use super::*;
    use crate::merge::task_vectors::fixtures::noise;

    #[test]
    fn products_are_sums_over_the_elements_of_two_units() {
        for (outer, units, inner) in [(1, 1, 1), (3, 5, 2), (2, 131, 1), (1, 6, 600), (40, 130, 9)] {
            let axis = Axis { tensor: "w".into(), outer, units, inner };
            let count = outer * units * inner;
            let [a, b] = [1, 2].map(|seed| noise(seed, count));
            let at = |values: &[f32], [outer, unit, inner]: [usize; 3]| {
                f64::from(values[(outer * axis.units + unit) * axis.inner + inner])
            };
            let [reference, model] = [&a, &b].map(|values| OwnedTensor::f32([count], values));
            let pair =
                Pair { axis: &axis, dtype: Dtype::F32, reference: &reference.data, model: &model.data };
            let found = inner_products(units, &[pair, pair]);
            for (place, found) in found.iter().enumerate() {
                let (row, column) = (place / units, place % units);
                let mut expected = 0.0;
                for outer in 0..outer {
                    for inner in 0..inner {
                        expected += 2.0 * at(&a, [outer, row, inner]) * at(&b, [outer, column, inner]);
                    }
                }
                assert!((found - expected).abs() < 1e-10, "{row} {column}: {found}, expected {expected}");
            }
        }
    }
}
