//! Barriers along a path between models, and the roughness of errors over a plane of weights.

use serde::{Deserialize, Serialize};

use crate::spread::mean;

/// Computes the error barrier on a path between two models, in the errors' unit.
///
/// It is the maximum over the path of the error less the linear interpolation between the errors of
/// its ends (Frankle et al. 2020, *Linear Mode Connectivity*; Entezari et al. 2022). The ends are
/// on the path, so it is at least 0. `at` is the position of each error, from 0 at one end to 1 at
/// the other, in any order.
///
/// # Panics
/// If the position 0 or 1 is missing, or if the numbers of positions and errors differ.
pub fn barrier(at: &[f64], errors: &[f64]) -> f64 {
    assert_eq!(at.len(), errors.len(), "one error for each position");
    let end =
        |place: f64| errors[at.iter().position(|&found| found == place).expect("both ends of the path")];
    let (start, end) = (end(0.0), end(1.0));
    let above = at.iter().zip(errors).map(|(at, error)| error - ((1.0 - at) * start + at * end));
    above.fold(0.0, f64::max)
}

/// Measures of the roughness of a surface, from its values on a grid.
///
/// Only grids of the same step and the same number of points are comparable: a second difference
/// scales with the square of the step. A point may have no value: outside the models a combined
/// variance may be negative, and the model then has no error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roughness {
    /// The number of local minima: points lower than all 8 around them. Equal neighbours are one
    /// plateau, which counts once if all points around it are higher. Points and plateaus at the
    /// border or next to a point without a value are not counted, since the surface may fall
    /// further there.
    pub local_minima: usize,
    /// The mean of |f(i−1) − 2f(i) + f(i+1)| over all triples in a row or a column, in the values'
    /// unit; `None` if no triple has all three values.
    pub second_difference: Option<f64>,
    /// The number of points without a value.
    pub undefined: usize,
}

impl Roughness {
    /// Computes the roughness of a grid, given as rows of equal length.
    ///
    /// # Panics
    /// If rows differ in length.
    pub fn of(rows: &[Vec<Option<f64>>]) -> Self {
        let grid = Grid { rows, width: rows.first().map_or(0, Vec::len) };
        assert!(rows.iter().all(|row| row.len() == grid.width), "rows of equal length");
        Self {
            local_minima: grid.local_minima(),
            second_difference: grid.second_difference(),
            undefined: rows.iter().flatten().filter(|value| value.is_none()).count(),
        }
    }
}

struct Grid<'a> {
    rows: &'a [Vec<Option<f64>>],
    width: usize,
}

impl Grid<'_> {
    fn second_difference(&self) -> Option<f64> {
        let columns = (0..self.width).map(|x| self.rows.iter().map(|row| row[x]).collect::<Vec<_>>());
        let lines: Vec<Vec<Option<f64>>> = self.rows.iter().cloned().chain(columns).collect();
        let differences: Vec<f64> = lines
            .iter()
            .flat_map(|line| line.windows(3))
            .filter_map(|triple| Some((triple[0]? - 2.0 * triple[1]? + triple[2]?).abs()))
            .collect();
        mean(&differences)
    }

    fn local_minima(&self) -> usize {
        let mut seen = vec![vec![false; self.width]; self.rows.len()];
        let mut minima = 0;
        for y in 0..self.rows.len() {
            for x in 0..self.width {
                if let (false, Some(value)) = (seen[y][x], self.rows[y][x]) {
                    minima += usize::from(self.is_minimum((x, y), value, &mut seen));
                }
            }
        }
        minima
    }

    /// Returns true if all points around a point's plateau are higher; marks the plateau as seen.
    fn is_minimum(&self, start: (usize, usize), value: f64, seen: &mut [Vec<bool>]) -> bool {
        let (mut minimum, mut left) = (true, vec![start]);
        seen[start.1][start.0] = true;
        while let Some((x, y)) = left.pop() {
            minimum &= x > 0 && y > 0 && x + 1 < self.width && y + 1 < self.rows.len();
            let near = |at: usize, len: usize| at.saturating_sub(1)..(at + 2).min(len);
            for (x, y) in near(y, self.rows.len()).flat_map(|y| near(x, self.width).map(move |x| (x, y))) {
                match self.rows[y][x] {
                    Some(near) if near == value => {
                        if !std::mem::replace(&mut seen[y][x], true) {
                            left.push((x, y));
                        }
                    }
                    Some(near) => minimum &= near > value,
                    None => minimum = false,
                }
            }
        }
        minimum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<Vec<Option<f64>>> {
        let value = |c: char| c.to_digit(10).map(f64::from);
        text.split_whitespace().map(|row| row.chars().map(value).collect()).collect()
    }

    fn minima(text: &str) -> usize {
        Roughness::of(&rows(text)).local_minima
    }

    #[test]
    fn minima_are_lower_than_all_eight_neighbours() {
        assert_eq!(minima("999 919 999"), 1);
        assert_eq!(minima("990 919 999"), 0, "a corner is lower");
        assert_eq!(minima("99999 91929 99999"), 2);
        assert_eq!(minima("9999 9219 9999"), 1, "side by side, only one is lower");
    }

    #[test]
    fn plateaus_count_once_and_the_border_does_not() {
        assert_eq!(minima("99999 91119 99999"), 1);
        assert_eq!(minima("99999 91199 99919 99999"), 1, "joined at a corner");
        assert_eq!(minima("999 119 999"), 0, "it touches the border");
        assert_eq!(minima("199 999 999"), 0, "it is on the border");
        assert_eq!(minima("111 111 111"), 0, "a plain touches the border");
        assert_eq!(minima("999 91- 999"), 0, "a neighbour has no value");
        assert_eq!(minima("99 99"), 0);
        assert_eq!(minima(""), 0);
    }

    #[test]
    fn second_differences_are_over_rows_and_columns() {
        // Rows: |0−2·4+0| and twice |0|; columns: 0, |0−2·4+0|, 0.
        let roughness = Roughness::of(&rows("000 040 000"));
        assert_eq!(roughness.second_difference, Some(16.0 / 6.0));
        assert_eq!(Roughness::of(&rows("0123 1234 2345")).second_difference, Some(0.0), "a slope is smooth");
        let holed = Roughness::of(&rows("0-0 040 000"));
        assert_eq!((holed.undefined, holed.second_difference), (1, Some(8.0 / 4.0)));
        assert_eq!(Roughness::of(&rows("00 00")).second_difference, None);
    }

    #[test]
    fn barriers_are_measured_from_the_line_between_the_ends() {
        assert_eq!(barrier(&[0.0, 0.5, 1.0], &[0.25, 0.625, 0.5]), 0.25);
        assert_eq!(
            barrier(&[1.0, 0.5, 0.0], &[0.4, 0.1, 0.2]),
            0.0,
            "lower errors in between are no barrier"
        );
        // The highest error is not at the position of the barrier.
        assert!((barrier(&[0.0, 0.25, 0.75, 1.0], &[0.0, 0.6, 0.7, 0.8]) - 0.4).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn roughness_ignores_rotation_and_offset(values in prop::collection::vec(0u8..4, 30), up in 0u8..9) {
            let grid: Vec<Vec<Option<f64>>> =
                values.chunks(6).map(|row| row.iter().map(|&v| Some(f64::from(v))).collect()).collect();
            let turned: Vec<Vec<_>> = (0..6).map(|x| grid.iter().rev().map(|row| row[x]).collect()).collect();
            let raised: Vec<Vec<_>> =
                grid.iter().map(|row| row.iter().map(|v| v.map(|v| v + f64::from(up))).collect()).collect();
            let (one, two, three) = (Roughness::of(&grid), Roughness::of(&turned), Roughness::of(&raised));
            prop_assert_eq!(one.local_minima, two.local_minima);
            prop_assert_eq!(one, three);
            prop_assert!((one.second_difference.unwrap() - two.second_difference.unwrap()).abs() < 1e-12);
        }

        #[test]
        fn barriers_do_not_depend_on_the_direction(errors in prop::collection::vec(0.0..1.0f64, 3..9)) {
            let last = (errors.len() - 1) as f64;
            let at: Vec<f64> = (0..errors.len()).map(|i| i as f64 / last).collect();
            let back: Vec<f64> = at.iter().map(|at| 1.0 - at).collect();
            prop_assert!((barrier(&at, &errors) - barrier(&back, &errors)).abs() < 1e-12);
            prop_assert!(barrier(&at, &errors) >= 0.0);
        }
    }
}
