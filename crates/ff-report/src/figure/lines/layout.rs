//! The layout of a line plot, with the legend to the right of the plot. All lengths are pixels.

use crate::figure::canvas::Pixel;
use crate::figure::frame::Frame;
use crate::figure::lines::data::{Axis, LinePlot};
use crate::figure::measure::{LABEL_SIZE, MARGIN, STEP, TICK, TICK_SIZE, widest, width};
use crate::figure::scale::Scale;

/// The length of a line in the legend.
pub(super) const SAMPLE: i32 = 44;

const PLOT: Pixel = (640, 400);

/// The layout of a line plot.
pub(super) struct LinesLayout {
    pub frame: Frame,
    /// The upper left corner of the legend.
    pub legend: Pixel,
    /// The size of the picture.
    pub size: (u32, u32),
    /// The least distance between two positions on the x axis.
    gap: i32,
    /// The number of positions on the x axis.
    places: usize,
    whiskers: bool,
    series: usize,
}

impl LinesLayout {
    pub fn of(plot: &LinePlot) -> Self {
        let points = || plot.series.iter().flat_map(|series| series.points.iter().flatten());
        let references = plot.references.iter().map(|(_, y)| *y);
        let y = Scale::around(points().flat_map(|point| point.span()).chain(references), 8.0);
        let (x, gap) = x_scale(&plot.x);
        let x_names = widest(x.names(), TICK_SIZE);
        // Names that are wider than their space read upwards.
        let upright = matches!(plot.x, Axis::Categories(_)) && x_names + 8 > gap;
        let from = Frame::corner(&y);
        let lines = (plot.series.len() + plot.references.len()) as i32;
        let to = (from.0 + PLOT.0, from.1 + PLOT.1.max(lines * STEP));
        let below = to.1 + TICK + 6 + if upright { x_names } else { TICK_SIZE } + 10;
        let right = to.0 + 20 + SAMPLE + 10 + widest(plot.names(), TICK_SIZE) + MARGIN;
        Self {
            frame: Frame { x, y, from, to, below, beside: MARGIN, grid: true, strokes: true, upright },
            legend: (to.0 + 20, from.1),
            size: (right as u32, (below + LABEL_SIZE + MARGIN) as u32),
            gap,
            places: plot.x.len(),
            whiskers: points().any(|point| point.whisker().is_some()),
            series: plot.series.len(),
        }
    }

    /// The horizontal offset of a series' points, so that whiskers do not hide each other.
    pub fn aside(&self, nth: usize) -> i32 {
        if !self.whiskers || self.series < 2 {
            return 0;
        }
        let step = (f64::from(self.gap) * 0.5 / self.series as f64).min(8.0);
        ((nth as f64 - (self.series - 1) as f64 / 2.0) * step).round() as i32
    }

    /// The number of points from one marker of a line to the next.
    pub fn marker_every(&self) -> usize {
        self.places * 18 / PLOT.0 as usize + 1
    }
}

/// The x axis and the least distance between two of its positions.
fn x_scale(axis: &Axis) -> (Scale, i32) {
    match axis {
        Axis::Categories(names) => {
            let ticks = names.iter().enumerate().map(|(at, name)| (at as f64, name.clone())).collect();
            let count = names.len().max(1);
            (Scale { low: -0.5, high: count as f64 - 0.5, ticks }, PLOT.0 / count as i32)
        }
        Axis::Numbers(numbers) => {
            let mut sorted = numbers.clone();
            sorted.sort_by(f64::total_cmp);
            sorted.dedup();
            let mut scale = Scale::around(sorted.iter().copied(), 8.0);
            let nearest = sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
            let gap = (nearest / (scale.high - scale.low) * f64::from(PLOT.0)).min(f64::from(PLOT.0)) as i32;
            // The positions of a sweep are its ticks; a curve has too many for that.
            let names: Vec<String> = sorted.iter().map(|x| x.to_string().replace('-', "−")).collect();
            if names.iter().all(|name| width(name, TICK_SIZE) + 8 <= gap) {
                scale.ticks = sorted.into_iter().zip(names).collect();
            }
            (scale, gap)
        }
    }
}
