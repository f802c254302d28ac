//! The frame of a plot: positions of its points, axes and title. All lengths are pixels.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_line, draw_text, draw_upright};
use crate::figure::measure::{LABEL_SIZE, MARGIN, TICK, TICK_SIZE, TITLE_SIZE, TOP, fitting, widest};
use crate::figure::scale::Scale;
use crate::figure::style::{FAINT, GREY};

/// The scales of the axes, the corners of the plot, and how the axes are drawn.
pub(super) struct Frame {
    pub x: Scale,
    pub y: Scale,
    /// The upper left corner.
    pub from: Pixel,
    /// The lower right corner.
    pub to: Pixel,
    /// The upper edge of the x axis' label.
    pub below: i32,
    /// The left edge of the y axis' label.
    pub beside: i32,
    /// True to draw lines along both axes, and across the plot at every tick.
    pub grid: bool,
    /// True to draw strokes outside the plot at every tick.
    pub strokes: bool,
    /// True if the ticks of the x axis read upwards.
    pub upright: bool,
}

impl Frame {
    /// The upper left corner of a plot with a title above and the y axis' label to its left.
    pub fn corner(y: &Scale) -> Pixel {
        (MARGIN + LABEL_SIZE + 10 + widest(y.names(), TICK_SIZE) + TICK + 6, TOP)
    }

    pub fn place(&self, x: f64, y: f64) -> Pixel {
        let between = |from: i32, to: i32, share: f64| from + (share * f64::from(to - from)).round() as i32;
        let (across, up) = (self.x.share(x), self.y.share(y));
        (between(self.from.0, self.to.0, across), between(self.to.1, self.from.1, up))
    }

    pub fn draw_axes(&self, canvas: &Canvas, x_label: &str, y_label: &str) -> Drawn {
        let (from, to) = (self.from, self.to);
        let away = TICK + if self.strokes { 4 } else { 2 };
        let line = |draw: bool, ends: [Pixel; 2], colour: RGBColor| match draw {
            true => draw_line(canvas, ends.to_vec(), colour.stroke_width(1), None),
            false => Ok(()),
        };
        for (y, name) in &self.y.ticks {
            let height = self.place(self.x.low, *y).1;
            line(self.grid, [(from.0, height), (to.0, height)], FAINT)?;
            line(self.strokes, [(from.0 - TICK, height), (from.0, height)], GREY)?;
            draw_text(canvas, name, (from.0 - away, height), TICK_SIZE, HPos::Right, VPos::Center)?;
        }
        for (x, name) in &self.x.ticks {
            let across = self.place(*x, self.y.low).0;
            line(self.grid, [(across, from.1), (across, to.1)], FAINT)?;
            line(self.strokes, [(across, to.1), (across, to.1 + TICK)], GREY)?;
            let below = (across, to.1 + away);
            match self.upright {
                true => draw_upright(canvas, name, below, TICK_SIZE, HPos::Right, VPos::Center)?,
                false => draw_text(canvas, name, below, TICK_SIZE, HPos::Center, VPos::Top)?,
            }
        }
        if self.grid {
            draw_line(canvas, vec![from, (from.0, to.1), to], GREY.stroke_width(1), None)?;
        }
        let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
        draw_text(canvas, x_label, (middle.0, self.below), LABEL_SIZE, HPos::Center, VPos::Top)?;
        draw_upright(canvas, y_label, (self.beside, middle.1), LABEL_SIZE, HPos::Center, VPos::Top)
    }
}

/// Draws the title above a plot with the upper left corner `from`, as large as the picture allows.
pub(super) fn draw_title(canvas: &Canvas, title: &str, from: Pixel, picture: (u32, u32)) -> Drawn {
    let size = fitting(title, TITLE_SIZE, picture.0 as i32 - from.0 - MARGIN);
    draw_text(canvas, title, (from.0, from.1 / 2), size, HPos::Left, VPos::Center)
}
