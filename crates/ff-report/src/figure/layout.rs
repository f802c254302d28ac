//! Where everything of a figure stands: the plot to the left, the legend to the right, so that neither covers the
//! other. All lengths are pixels.

use super::scale::Scale;
use super::{Axis, LinePlot, Point};

pub(super) const TITLE_SIZE: i32 = 20;
pub(super) const LABEL_SIZE: i32 = 17;
pub(super) const TICK_SIZE: i32 = 15;
/// Length of a tick.
pub(super) const TICK: i32 = 5;
/// Length of a line in the legend.
pub(super) const SAMPLE: i32 = 44;
/// From one line of the legend to the next.
pub(super) const STEP: i32 = 24;

const PLOT: Pixel = (640, 400);
pub(super) const TOP: i32 = 50;
pub(super) const MARGIN: i32 = 16;

/// To the right and downwards from the upper left corner.
pub(super) type Pixel = (i32, i32);

/// The places of a figure.
pub(super) struct Layout {
    pub x: Scale,
    pub y: Scale,
    /// The plot's upper left and lower right corners.
    pub from: Pixel,
    pub to: Pixel,
    /// Ticks of the x axis are wider than their places and read upwards.
    pub upright: bool,
    /// The upper edge of the x axis' label.
    pub below: i32,
    /// The left edge of the y axis' label.
    pub beside: i32,
    /// The upper left corner of the legend.
    pub legend: Pixel,
    /// Of the whole picture.
    pub size: (u32, u32),
    /// From one place on the x axis to the next, at least.
    gap: i32,
    /// Number of places on the x axis.
    places: usize,
    whiskers: bool,
    series: usize,
}

impl Layout {
    pub fn of(figure: &LinePlot) -> Layout {
        let points = || figure.series.iter().flat_map(|series| series.points.iter().flatten());
        let references = figure.references.iter().map(|(_, y)| *y);
        let y = Scale::around(points().flat_map(|point| point.span()).chain(references), 8.0);
        let (x, gap) = x_scale(&figure.x);
        let longest = |names: &mut dyn Iterator<Item = &str>| names.map(|of| width(of, TICK_SIZE)).max();
        let x_names = longest(&mut x.ticks.iter().map(|(_, name)| name.as_str())).unwrap_or(0);
        let y_names = longest(&mut y.ticks.iter().map(|(_, name)| name.as_str())).unwrap_or(0);
        let entries = || {
            figure.series.iter().map(|series| &series.name).chain(figure.references.iter().map(|of| &of.0))
        };
        let legend = longest(&mut entries().map(String::as_str)).unwrap_or(0);

        let upright = matches!(figure.x, Axis::Categories(_)) && x_names + 8 > gap;
        let from = (MARGIN + LABEL_SIZE + 10 + y_names + TICK + 6, TOP);
        let to = (from.0 + PLOT.0, from.1 + PLOT.1.max(entries().count() as i32 * STEP));
        let below = to.1 + TICK + 6 + if upright { x_names } else { TICK_SIZE } + 10;
        let right = to.0 + 20 + SAMPLE + 10 + legend + MARGIN;
        Layout {
            x,
            y,
            from,
            to,
            upright,
            below,
            beside: MARGIN,
            legend: (to.0 + 20, from.1),
            size: (right as u32, (below + LABEL_SIZE + MARGIN) as u32),
            gap,
            places: figure.x.len(),
            whiskers: points().any(|point| point.low.or(point.high).is_some()),
            series: figure.series.len(),
        }
    }

    pub fn place(&self, x: f64, y: f64) -> Pixel {
        let share = |scale: &Scale, at: f64| (at - scale.low) / (scale.high - scale.low);
        let (across, up) = (share(&self.x, x), share(&self.y, y));
        let between = |from: i32, to: i32, share: f64| from + (share * f64::from(to - from)).round() as i32;
        (between(self.from.0, self.to.0, across), between(self.to.1, self.from.1, up))
    }

    /// How far the points of a series stand aside so that its whiskers do not hide those of the others.
    pub fn aside(&self, nth: usize) -> i32 {
        if !self.whiskers || self.series < 2 {
            return 0;
        }
        let step = (f64::from(self.gap) * 0.5 / self.series as f64).min(8.0);
        ((nth as f64 - (self.series - 1) as f64 / 2.0) * step).round() as i32
    }

    /// Every how many points a line has a marker.
    pub fn marker_every(&self) -> usize {
        self.places * 18 / PLOT.0 as usize + 1
    }

    /// The size at which the title fits above the figure.
    pub fn title_size(&self, title: &str) -> i32 {
        fitting(title, TITLE_SIZE, self.size.0 as i32 - self.from.0 - MARGIN)
    }
}

/// The x axis and the smallest distance between two of its places.
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
            // The places of a sweep are its ticks; those of a curve are too many.
            let names: Vec<String> = sorted.iter().map(|x| x.to_string().replace('-', "−")).collect();
            if names.iter().all(|name| width(name, TICK_SIZE) + 8 <= gap) {
                scale.ticks = sorted.into_iter().zip(names).collect();
            }
            (scale, gap)
        }
    }
}

/// The size, not above the one given, at which a text fits a room.
pub(super) fn fitting(text: &str, size: i32, room: i32) -> i32 {
    (10..=size).rev().find(|&size| width(text, size) <= room).unwrap_or(10)
}

/// About how wide a text is: the letters of a sans-serif font are a little more than half as wide as high.
pub(super) fn width(text: &str, size: i32) -> i32 {
    text.chars().count() as i32 * size * 58 / 100
}

/// Where the points of a series stand on the x axis.
pub(super) fn at(axis: &Axis, nth: usize) -> f64 {
    match axis {
        Axis::Categories(_) => nth as f64,
        Axis::Numbers(numbers) => numbers[nth],
    }
}

/// A point with the ends of its whisker, if it has one.
pub(super) fn whisker(point: &Point) -> Option<(f64, f64)> {
    let [low, _, high] = point.span();
    (point.low.is_some() || point.high.is_some()).then_some((low, high))
}
