//! Inner products between the units of two models.

use std::ops::Range;

use ff_checkpoint::{Dtype, cores, on_threads};
use multiversion::multiversion;

use super::axis::Axis;
use crate::merge::mean::widen;

/// Elements of each unit that are converted at a time: those of a few hundred units stay in a
/// core's cache.
const DEPTH: usize = 256;

/// Rows and columns whose sums are in registers.
const TILE: [usize; 2] = [4, 8];

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
    // Each part converts all units of the model, so parts are few.
    let rows = units.div_ceil(4 * cores().get()).next_multiple_of(TILE[0]);
    let work: Vec<(usize, &mut [f64])> = sums.chunks_mut(rows * units).enumerate().collect();
    on_threads(cores(), work, |(at, sums)| {
        let first = at * rows;
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
            add_tiles(&left, &right, part.len(), units, sums);
        }
    }

    /// Converts a part of the elements of each unit, `SIDE` units beside each other. Units that are
    /// missing to the last ones are 0.
    fn pack<const SIDE: usize>(
        &self,
        data: &[u8],
        units: &Range<usize>,
        part: &Range<usize>,
        packed: &mut Vec<[f64; SIDE]>,
    ) {
        let &Axis { units: all, inner, .. } = self.axis;
        let size = self.dtype.bitsize() / 8;
        packed.clear();
        packed.resize(units.len().div_ceil(SIDE) * part.len(), [0.0; SIDE]);
        let mut values = [0.0; DEPTH];
        for (at, unit) in units.clone().enumerate() {
            // The elements of a unit are in runs of `inner`, one for each index of the outer axes.
            let mut found = 0;
            while found < part.len() {
                let (outer, within) = ((part.start + found) / inner, (part.start + found) % inner);
                let length = (inner - within).min(part.len() - found);
                let start = (outer * all + unit) * inner + within;
                let run = &data[start * size..(start + length) * size];
                widen(self.dtype, run, &mut values[found..found + length]);
                found += length;
            }
            let rooms = &mut packed[at / SIDE * part.len()..][..part.len()];
            rooms.iter_mut().zip(&values).for_each(|(room, value)| room[at % SIDE] = *value);
        }
    }
}

/// Adds the products of packed units, of which a part of `depth` elements is given, to `sums`.
#[multiversion(targets("x86_64+avx2"))]
fn add_tiles(
    left: &[[f64; TILE[0]]],
    right: &[[f64; TILE[1]]],
    depth: usize,
    units: usize,
    sums: &mut [f64],
) {
    for (left, sums) in left.chunks_exact(depth).zip(sums.chunks_mut(TILE[0] * units)) {
        for (at, right) in right.chunks_exact(depth).enumerate() {
            let mut products = [[0.0; TILE[1]]; TILE[0]];
            for (left, right) in left.iter().zip(right) {
                for (products, left) in products.iter_mut().zip(left) {
                    products.iter_mut().zip(right).for_each(|(product, right)| *product += left * right);
                }
            }
            for (products, sums) in products.iter().zip(sums.chunks_mut(units)) {
                let sums = &mut sums[at * TILE[1]..];
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            }
        }
    }
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
