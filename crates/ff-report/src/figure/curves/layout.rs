//! The layout of a plot of curves. All lengths are pixels.

use crate::figure::canvas::Pixel;
use crate::figure::curves::data::{Curves, Span};
use crate::figure::frame::Frame;
use crate::figure::measure::{LABEL_SIZE, STEP, TICK, TICK_SIZE, width};
use crate::figure::scale::Scale;

/// The width of the picture.
const WIDTH: i32 = 560;
/// The space left of the plot: the same for all plots, which aligns plots below each other.
const LEFT: i32 = 82;
const RIGHT: i32 = 14;
const TOP: i32 = 12;
/// The length of a line in the legend.
pub(super) const SAMPLE: i32 = 30;

/// The layout of a plot of curves.
pub(super) struct CurvesLayout {
    pub frame: Frame,
    /// The upper left corner of each entry of the legend.
    pub entries: Vec<Pixel>,
    pub size: (u32, u32),
}

impl CurvesLayout {
    pub fn of(plot: &Curves) -> Self {
        let spots = || plot.curves.iter().flat_map(|curve| &curve.spots);
        let ends = |ends: Option<(f64, f64)>| ends.into_iter().flat_map(|(low, high)| [low, high]);
        let x = plot.x.scale(spots().flat_map(|spot| [spot.x].into_iter().chain(ends(spot.x_ends))), 6.0);
        let count = f64::from(plot.height / 40);
        let y = plot.y.scale(spots().flat_map(|spot| [spot.y].into_iter().chain(ends(spot.y_ends))), count);
        let (from, to) = ((LEFT, TOP), (WIDTH - RIGHT, TOP + plot.height as i32));
        let below = to.1 + TICK + TICK_SIZE + 8;
        let end = below + if plot.x_label.is_empty() { 0 } else { LABEL_SIZE + 8 };
        let mut at = (LEFT, end + 6);
        let mut entries = Vec::new();
        for name in plot.names() {
            let wide = SAMPLE + 8 + width(name, TICK_SIZE) + 18;
            if at.0 > LEFT && at.0 + wide > WIDTH {
                at = (LEFT, at.1 + STEP);
            }
            entries.push(at);
            at.0 += wide;
        }
        let bottom = entries.last().map_or(end, |last| last.1 + STEP);
        let size = (WIDTH as u32, (bottom + 4) as u32);
        let frame = Frame { x, y, from, to, below, beside: 4, grid: true, strokes: false, upright: false };
        Self { frame, entries, size }
    }
}

impl Span {
    /// The position of a number on the axis; `None` if it has none.
    pub(super) fn on(self, number: f64) -> Option<f64> {
        match self {
            Span::Powers => (number > 0.0).then(|| number.log10()),
            Span::Data | Span::Unit | Span::Epochs(_) => Some(number),
        }
    }

    /// Creates the axis for numbers, with at most `count` intervals between ticks.
    fn scale(self, numbers: impl Iterator<Item = f64> + Clone, count: f64) -> Scale {
        match self {
            Span::Unit => Scale::unit(),
            Span::Epochs(last) => Scale::around([0.0, f64::from(last)].into_iter(), count),
            Span::Data => Scale::around(numbers, count),
            Span::Powers => Scale::powers(numbers.filter_map(|number| self.on(number))),
        }
    }
}
