//! Drawing a surface as SVG.

use std::ops::Range;

use plotters::element::{Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{BLACK, Color, WHITE};

use crate::error::Error;
use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_line, draw_marker, draw_text, picture};
use crate::figure::contour::{Cell, clip, crossings};
use crate::figure::frame::draw_title;
use crate::figure::measure::{STEP, TICK_SIZE};
use crate::figure::scale::Scale;
use crate::figure::style::{FAINT, Style};
use crate::figure::surface::data::Surface;
use crate::figure::surface::layout::SurfaceLayout;

impl Surface {
    /// Draws the surface as an SVG picture, with the same bytes for the same surface.
    ///
    /// Contours are at round numbers, which the colour bar shows, up to the value that 5 % of the
    /// points exceed; higher values have one colour. Between points, values are interpolated
    /// linearly along the lines of the grid. Cells with a corner without a value are grey.
    ///
    /// # Errors
    /// [`Error::Points`] if the numbers of rows, columns and values do not match,
    /// [`Error::NotFinite`], [`Error::NoPoint`] without values or with a single row or column,
    /// [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = SurfaceLayout::of(self);
        picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }
}

fn draw(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let (from, to) = (layout.frame.from, layout.frame.to);
    draw_title(canvas, &surface.title, from, layout.size)?;
    canvas.draw(&Rectangle::new([from, to], FAINT.filled()))?;
    for y in 0..surface.y.len() - 1 {
        draw_row(surface, layout, canvas, y)?;
    }
    draw_lines(surface, layout, canvas)?;
    layout.frame.draw_axes(canvas, &surface.x_label, &surface.y_label)?;
    let bands = (0..layout.levels.len() + 1).map(|band| layout.colour(band));
    let ticks = layout.levels.iter().enumerate().map(|(nth, (_, name))| ((nth + 1) as f64, name.as_str()));
    layout.bar.draw(canvas, bands, ticks, &surface.value_label)?;
    draw_marks(surface, layout, canvas)
}

/// Draws the cells of a row; adjacent cells of one colour are one rectangle.
fn draw_row(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas, y: usize) -> Drawn {
    let fill = |x: Range<usize>, band: usize| {
        let [upper, lower] =
            [(x.start, y + 1), (x.end, y)].map(|(x, y)| layout.frame.place(surface.x[x], surface.y[y]));
        canvas.draw(&Rectangle::new([upper, lower], layout.colour(band).filled()))
    };
    let mut plain: Option<(Range<usize>, usize)> = None;
    for x in 0..surface.x.len() - 1 {
        let cell = cell(surface, layout, x, y).map(|cell| (cell, layout.bands(&cell)));
        if let (Some((run, band)), Some((_, bands))) = (&mut plain, cell)
            && bands == (*band, *band)
        {
            run.end = x + 1;
            continue;
        }
        if let Some((run, band)) = plain.take() {
            fill(run, band)?;
        }
        let Some((cell, (low, high))) = cell else { continue };
        if low == high {
            plain = Some((x..x + 1, low));
            continue;
        }
        fill(x..x + 1, low)?;
        for band in low..high {
            let corners = clip(&cell, layout.levels[band].0);
            canvas.draw(&Polygon::new(corners, layout.colour(band + 1).filled()))?;
        }
    }
    plain.map_or(Ok(()), |(run, band)| fill(run, band))
}

/// Draws the contours between the colours.
fn draw_lines(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let stroke = WHITE.mix(0.55).stroke_width(1);
    for y in 0..surface.y.len() - 1 {
        for x in 0..surface.x.len() - 1 {
            let Some(cell) = cell(surface, layout, x, y) else { continue };
            for (level, _) in &layout.levels {
                for ends in crossings(&cell, *level).chunks_exact(2) {
                    draw_line(canvas, ends.to_vec(), stroke, None)?;
                }
            }
        }
    }
    Ok(())
}

/// The corners of a cell, in order around it, and their values; `None` if one has no value.
fn cell(surface: &Surface, layout: &SurfaceLayout, x: usize, y: usize) -> Option<Cell> {
    let corner =
        |x: usize, y: usize| Some((layout.frame.place(surface.x[x], surface.y[y]), surface.values[y][x]?));
    Some([corner(x, y)?, corner(x + 1, y)?, corner(x + 1, y + 1)?, corner(x, y + 1)?])
}

fn draw_marks(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let frame = &layout.frame;
    let inside = |scale: &Scale, at: f64| (scale.low..=scale.high).contains(&at);
    // The first marks are drawn last, above the others.
    for (nth, mark) in surface.marks.iter().enumerate().rev() {
        let line = frame.from.1 + STEP / 2 + nth as i32 * STEP;
        let style = Style::new(nth, false);
        let rim = Style { colour: BLACK, radius: style.radius + 3, width: style.width + 3, ..style };
        let core = Style { colour: WHITE, radius: style.radius + 1, ..style };
        let draw = |at: Pixel| [&rim, &core].into_iter().try_for_each(|of| draw_marker(canvas, at, of));
        if inside(&frame.x, mark.x) && inside(&frame.y, mark.y) {
            draw(frame.place(mark.x, mark.y))?;
        }
        draw((layout.legend + 8, line))?;
        draw_text(canvas, &mark.name, (layout.legend + 26, line), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    for (nth, note) in surface.notes.iter().enumerate() {
        let line = frame.from.1 + (surface.marks.len() + 1 + nth) as i32 * STEP;
        draw_text(canvas, note, (layout.legend, line), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}
