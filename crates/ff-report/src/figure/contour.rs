//! Contours in one cell of a grid.

use crate::figure::canvas::Pixel;

/// The corners of a cell, in order around it, and their values.
pub(super) type Cell = [(Pixel, f64); 4];

/// Computes the polygon of a cell in which the value is at least `level`, with linear interpolation
/// along its sides.
pub(super) fn clip(cell: &Cell, level: f64) -> Vec<Pixel> {
    let mut polygon = Vec::new();
    for (nth, corner) in cell.iter().enumerate() {
        if corner.1 >= level {
            polygon.push(corner.0);
        }
        polygon.extend(crossing(corner, &cell[(nth + 1) % 4], level));
    }
    polygon
}

/// Computes the 0, 2 or 4 points where a level crosses the sides of a cell; each pair in order is
/// one line.
pub(super) fn crossings(cell: &Cell, level: f64) -> Vec<Pixel> {
    (0..4).filter_map(|nth| crossing(&cell[nth], &cell[(nth + 1) % 4], level)).collect()
}

fn crossing(a: &(Pixel, f64), b: &(Pixel, f64), level: f64) -> Option<Pixel> {
    if (a.1 >= level) == (b.1 >= level) {
        return None;
    }
    let share = (level - a.1) / (b.1 - a.1);
    let between = |a: i32, b: i32| a + (share * f64::from(b - a)).round() as i32;
    Some((between(a.0.0, b.0.0), between(a.0.1, b.0.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(values: [f64; 4]) -> Cell {
        let corners = [(0, 10), (10, 10), (10, 0), (0, 0)];
        std::array::from_fn(|at| (corners[at], values[at]))
    }

    #[test]
    fn a_level_divides_a_cell() {
        let slope = cell([0.0, 1.0, 1.0, 0.0]);
        assert_eq!(clip(&slope, 0.5), [(5, 10), (10, 10), (10, 0), (5, 0)]);
        assert_eq!(crossings(&slope, 0.5), [(5, 10), (5, 0)]);
        assert_eq!(clip(&slope, 0.0).len(), 4, "all of it");
        assert_eq!(clip(&slope, 1.1), []);
        assert_eq!(clip(&cell([0.0, 1.0, 0.0, 0.0]), 0.5), [(5, 10), (10, 10), (10, 5)]);
    }

    #[test]
    fn a_saddle_is_crossed_four_times() {
        assert_eq!(crossings(&cell([0.0, 1.0, 0.0, 1.0]), 0.5).len(), 4);
    }
}
