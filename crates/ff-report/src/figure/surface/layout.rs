//! The layout of a surface, and the levels of its contours. All lengths are pixels.

use plotters::style::RGBColor;

use crate::figure::colour::colour;
use crate::figure::colour_bar::ColourBar;
use crate::figure::contour::Cell;
use crate::figure::frame::Frame;
use crate::figure::measure::{LABEL_SIZE, MARGIN, STEP, TICK, TICK_SIZE, widest};
use crate::figure::scale::{Scale, round_numbers};
use crate::figure::surface::data::Surface;

/// The length of the longer side of the plot, and the least length of the shorter one, which
/// otherwise follows from the axes' common unit.
const SIDE: (f64, f64) = (520.0, 180.0);

/// The layout of a surface.
pub(super) struct SurfaceLayout {
    pub frame: Frame,
    /// The values of contours, and their texts.
    pub levels: Vec<(f64, String)>,
    pub bar: ColourBar,
    /// The left edge of the legend.
    pub legend: i32,
    /// The size of the picture.
    pub size: (u32, u32),
}

impl SurfaceLayout {
    pub fn of(surface: &Surface) -> Self {
        let axis = |places: &[f64]| {
            let (low, high) = (places[0], places[places.len() - 1]);
            Scale { low, high, ticks: round_numbers(low, high, 7.0) }
        };
        let (x, y) = (axis(&surface.x), axis(&surface.y));
        let spread = |scale: &Scale| scale.high - scale.low;
        let longest = spread(&x).max(spread(&y));
        let side = |scale: &Scale| (spread(scale) / longest * SIDE.0).max(SIDE.1) as i32;
        let from = Frame::corner(&y);
        let legend_lines = (surface.marks.len() + surface.notes.len() + 1) as i32;
        let to = (from.0 + side(&x), from.1 + side(&y).max(legend_lines * STEP));
        let levels = levels(surface.numbers());
        let bar = ColourBar::beside(from, to, &levels);
        let below = to.1 + TICK + 6 + TICK_SIZE + 10;
        let legend = bar.right() + 24;
        let lines = surface.marks.iter().map(|mark| &mark.name).chain(&surface.notes);
        let right = legend + 26 + widest(lines, TICK_SIZE) + MARGIN;
        let size = (right as u32, (below + LABEL_SIZE + MARGIN) as u32);
        let frame =
            Frame { x, y, from, to, below, beside: MARGIN, grid: false, strokes: true, upright: false };
        Self { frame, levels, bar, legend, size }
    }

    /// The lowest and the highest band that a corner of a cell is in.
    pub fn bands(&self, cell: &Cell) -> (usize, usize) {
        let bands = cell.map(|(_, value)| self.levels.partition_point(|(level, _)| *level <= value));
        bands.iter().fold((usize::MAX, 0), |(low, high), &band| (low.min(band), high.max(band)))
    }

    /// The colour of a band of values between two levels, counted from 0.
    pub fn colour(&self, band: usize) -> RGBColor {
        match self.levels.len() {
            0 => colour(0.5),
            last => colour(band as f64 / last as f64),
        }
    }
}

/// Round numbers between the lowest value and the one that 5 % of the values exceed, so that a few
/// high values do not take most of the colours.
fn levels(values: impl Iterator<Item = f64>) -> Vec<(f64, String)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[(values.len() - 1) * 19 / 20]);
    if high > low { round_numbers(low, high, 10.0) } else { Vec::new() }
}
