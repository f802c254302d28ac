//! Linear assignment.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// Finds the assignment of rows to columns with the largest sum, of values in a row-major matrix
/// `[size, size]`. Returns the column of each row, or `None` if the diagonal has as large a sum.
///
/// The values are rounded to integers, which the algorithm needs to be exact. With `size²` times
/// their largest magnitude below 2⁶⁰, neither sums nor the algorithm's bounds overflow: a bound is
/// at most `2 · size` times as large as a value, and it adds up `2 · size` of them. So the step is
/// 2⁻³⁶ of the largest value for 4096 units, and smaller for fewer, down to 2⁻⁵⁰.
pub(super) fn better_than_diagonal(values: &[f64], size: usize) -> Option<Vec<usize>> {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return None;
    }
    let steps = (2f64.powi(60) / (size * size) as f64).min(2f64.powi(50));
    let values: Vec<i64> = values.iter().map(|value| (value / largest * steps).round() as i64).collect();
    let diagonal: i64 = values.iter().step_by(size + 1).sum();
    let values = Matrix::from_vec(size, size, values).expect("a square matrix");
    let (sum, columns) = kuhn_munkres(&values);
    // A value is off by 1/2 in the last rounding and by 1/4 in those before, so two equal sums
    // differ by `3/2 · size` at most.
    (sum - diagonal > 2 * size as i64).then_some(columns)
}

#[cfg(test)]
mod tests {
    use itertools::Itertools;

    use super::*;
    use crate::merge::task_vectors::fixtures::noise;

    #[test]
    fn no_other_assignment_has_a_larger_sum() {
        for (seed, size) in [(1, 2), (2, 3), (3, 5), (4, 6), (5, 7)] {
            let values: Vec<f64> = noise(seed, size * size).into_iter().map(f64::from).collect();
            let sum = |columns: &[usize]| -> f64 {
                columns.iter().enumerate().map(|(row, column)| values[row * size + column]).sum()
            };
            let best = (0..size).permutations(size).map(|columns| sum(&columns)).fold(f64::MIN, f64::max);
            let diagonal: Vec<usize> = (0..size).collect();
            let found = better_than_diagonal(&values, size).unwrap_or(diagonal);
            assert!(found.iter().all_unique());
            assert!((sum(&found) - best).abs() < 1e-12, "{found:?} has {}, not {best}", sum(&found));
        }
    }

    #[test]
    fn a_planted_permutation_is_found_at_any_scale() {
        let size = 97;
        let planted: Vec<usize> = (0..size).map(|row| (row * 31 + 5) % size).collect();
        for scale in [1e-300, 1.0, 1e300] {
            let mut values: Vec<f64> =
                noise(8, size * size).into_iter().map(|value| f64::from(value) * scale).collect();
            for (row, column) in planted.iter().enumerate() {
                values[row * size + column] += 2.5 * scale;
            }
            assert_eq!(better_than_diagonal(&values, size).as_ref(), Some(&planted), "{scale}");
        }
    }

    #[test]
    fn the_diagonal_stays_unless_another_assignment_is_better() {
        assert_eq!(better_than_diagonal(&[0.0; 9], 3), None);
        assert_eq!(better_than_diagonal(&[2.0; 9], 3), None);
        assert_eq!(better_than_diagonal(&[-7.0], 1), None);
        assert_eq!(better_than_diagonal(&[1.0, 3.0, -1.0, 1.0], 2), None, "both have the sum 2");
        assert_eq!(better_than_diagonal(&[1.0, 3.0, -0.5, 1.0], 2), Some(vec![1, 0]));
    }
}
