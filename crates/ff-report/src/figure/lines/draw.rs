//! Drawing a line plot as SVG.

use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use crate::error::Error;
use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_line, draw_marker, draw_sample, draw_text, picture};
use crate::figure::frame::draw_title;
use crate::figure::lines::data::{LinePlot, Series};
use crate::figure::lines::layout::{LinesLayout, SAMPLE};
use crate::figure::measure::{STEP, TICK_SIZE};
use crate::figure::style::{GREY, Style, reference_dash};

impl LinePlot {
    /// Draws the plot as an SVG picture, with the same bytes for the same plot.
    ///
    /// Series differ in colour (Okabe and Ito's palette), in marker and, from the eighth on, in
    /// dash. Series with whiskers are drawn slightly apart. The y axis contains the data and the
    /// references, and need not start at 0. Text is in the reader's sans-serif font.
    ///
    /// # Errors
    /// [`Error::Points`] for a series without exactly one point for each position,
    /// [`Error::NotFinite`], [`Error::NoPoint`] without points, [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = LinesLayout::of(self);
        picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }
}

fn draw(plot: &LinePlot, layout: &LinesLayout, canvas: &Canvas) -> Drawn {
    layout.frame.draw_axes(canvas, &plot.x_label, &plot.y_label)?;
    draw_title(canvas, &plot.title, layout.frame.from, layout.size)?;
    let (from, across) = (layout.frame.from.0, layout.frame.to.0 - layout.frame.from.0);
    for (nth, (_, y)) in plot.references.iter().enumerate() {
        let height = layout.frame.place(layout.frame.x.low, *y).1;
        draw_sample(canvas, (from, height), across, GREY.stroke_width(2), Some(reference_dash(nth)))?;
    }
    let of_emphasis =
        |emphasis| plot.series.iter().enumerate().filter(move |(_, of)| of.emphasis == emphasis);
    for (nth, series) in of_emphasis(false).chain(of_emphasis(true)) {
        draw_series(plot, layout, canvas, nth, series)?;
    }
    draw_legend(plot, layout, canvas)
}

fn draw_series(plot: &LinePlot, layout: &LinesLayout, canvas: &Canvas, nth: usize, series: &Series) -> Drawn {
    let style = Style::new(nth, series.emphasis);
    let place = |place: usize, y: f64| {
        let (across, height) = layout.frame.place(plot.x.at(place), y);
        (across + layout.aside(nth), height)
    };
    // One line for each run of points without a gap.
    let mut lines: Vec<Vec<Pixel>> = vec![Vec::new()];
    let mut marks = Vec::new();
    for (along, point) in series.points.iter().enumerate() {
        let Some(point) = point else {
            lines.push(Vec::new());
            continue;
        };
        let here = place(along, point.y);
        if let Some((low, high)) = point.whisker() {
            let (low, high) = (place(along, low), place(along, high));
            let stroke = style.colour.stroke_width(2);
            draw_line(canvas, vec![low, high], stroke, None)?;
            for end in [low, high] {
                draw_line(canvas, vec![(end.0 - 4, end.1), (end.0 + 4, end.1)], stroke, None)?;
            }
        }
        // A run of a single point has no line, so the first point of each run has a marker.
        let run = &mut lines.last_mut().expect("there is always one");
        if !plot.joined || run.is_empty() || along.is_multiple_of(layout.marker_every()) {
            marks.push(here);
        }
        run.push(here);
    }
    for line in lines.into_iter().filter(|_| plot.joined) {
        draw_line(canvas, line, style.stroke(), style.dash)?;
    }
    marks.into_iter().try_for_each(|mark| draw_marker(canvas, mark, &style))
}

fn draw_legend(plot: &LinePlot, layout: &LinesLayout, canvas: &Canvas) -> Drawn {
    let (left, top) = layout.legend;
    let line = |nth: usize| (left, top + STEP / 2 + nth as i32 * STEP);
    for (nth, series) in plot.series.iter().enumerate() {
        let style = Style::new(nth, series.emphasis);
        if plot.joined {
            draw_sample(canvas, line(nth), SAMPLE, style.stroke(), style.dash)?;
        }
        draw_marker(canvas, (left + SAMPLE / 2, line(nth).1), &style)?;
    }
    for nth in 0..plot.references.len() {
        let at = line(plot.series.len() + nth);
        draw_sample(canvas, at, SAMPLE, GREY.stroke_width(2), Some(reference_dash(nth)))?;
    }
    for (nth, name) in plot.names().enumerate() {
        let at = (left + SAMPLE + 10, line(nth).1);
        draw_text(canvas, name, at, TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}
