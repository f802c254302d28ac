//! The colour bar beside a plot, with the value of each colour. All lengths are pixels.

use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_line, draw_text, draw_upright};
use crate::figure::measure::{LABEL_SIZE, TICK, TICK_SIZE, widest};
use crate::figure::style::GREY;

const WIDTH: i32 = 22;

/// The position of a colour bar.
pub(super) struct ColourBar {
    left: i32,
    top: i32,
    bottom: i32,
    /// The left edge of its label.
    label: i32,
}

impl ColourBar {
    /// Places the bar to the right of a plot with these corners, with space for the names of ticks.
    pub fn beside(from: Pixel, to: Pixel, ticks: &[(f64, String)]) -> Self {
        let left = to.0 + 24;
        let names = widest(ticks.iter().map(|(_, name)| name), TICK_SIZE);
        Self { left, top: from.1, bottom: to.1, label: left + WIDTH + TICK + 4 + names + 8 }
    }

    /// The right edge of its label.
    pub fn right(&self) -> i32 {
        self.label + LABEL_SIZE
    }

    /// Draws one step of equal height for each colour, from the bottom to the top.
    ///
    /// The position of a tick is counted in steps and may be a fraction.
    pub fn draw<'a>(
        &self,
        canvas: &Canvas,
        colours: impl ExactSizeIterator<Item = RGBColor>,
        ticks: impl Iterator<Item = (f64, &'a str)>,
        label: &str,
    ) -> Drawn {
        let right = self.left + WIDTH;
        let steps = colours.len();
        for (step, colour) in colours.enumerate() {
            let [low, high] = [step, step + 1].map(|step| self.height(step as f64, steps));
            canvas.draw(&Rectangle::new([(self.left, high), (right, low)], colour.filled()))?;
        }
        for (step, name) in ticks {
            let at = self.height(step, steps);
            draw_line(canvas, vec![(right, at), (right + TICK, at)], GREY.stroke_width(1), None)?;
            draw_text(canvas, name, (right + TICK + 4, at), TICK_SIZE, HPos::Left, VPos::Center)?;
        }
        let middle = (self.label, (self.top + self.bottom) / 2);
        draw_upright(canvas, label, middle, LABEL_SIZE, HPos::Center, VPos::Top)
    }

    fn height(&self, step: f64, steps: usize) -> i32 {
        self.bottom - (f64::from(self.bottom - self.top) * step / steps as f64).round() as i32
    }
}
