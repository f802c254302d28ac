//! A surface over a plane, as filled contours.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use serde::Serialize;

use super::colour::colour;
use super::contour::{Cell, clip, crossings};
use super::draw::{self, Canvas, Drawn, draw_line, draw_marker, draw_text, draw_upright};
use super::layout::{LABEL_SIZE, MARGIN, Pixel, STEP, TICK, TICK_SIZE, TITLE_SIZE, TOP, fitting, width};
use super::scale::{Scale, round_numbers};
use super::style::{FAINT, GREY, Style};
use crate::csv::csv;
use crate::error::Error;

/// The longer side of the plot; the shorter follows from the axes, which share a unit, but is not below the second.
const SIDE: (f64, f64) = (520.0, 180.0);
/// Width of the colour bar.
const BAR: i32 = 22;

/// Values on a grid over a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Printed above.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, in the same unit: the picture is true to scale unless it would be too flat.
    pub y_label: String,
    /// What the values are, with their unit.
    pub value_label: String,
    /// Places of the columns, ascending, at least two.
    pub x: Vec<f64>,
    /// Places of the rows, ascending, at least two.
    pub y: Vec<f64>,
    /// Values by row, the lowest y first; there may be none at a place.
    pub values: Vec<Vec<Option<f64>>>,
    /// Places to be marked. Those outside of the grid stand in the legend only.
    pub marks: Vec<Mark>,
    /// Lines below the legend.
    pub notes: Vec<String>,
}

/// A place that is marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// As in the legend.
    pub name: String,
    /// Where, on the x axis.
    pub x: f64,
    /// Where, on the y axis.
    pub y: f64,
}

#[derive(Serialize)]
struct Line {
    x: f64,
    y: f64,
    value: Option<f64>,
}

impl Surface {
    /// The surface as an SVG picture, the same text for the same surface. Contours are at round numbers, which the colour bar
    /// names, up to the value that a twentieth of the places exceed: above the last, all is one colour. Between the places of the grid values are interpolated along its lines. Cells with a corner without a value
    /// stay grey.
    ///
    /// # Errors
    /// Rows or columns that do not fit the values, a number that is not finite, or no value at all.
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = SurfaceLayout::of(self);
        draw::picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }

    /// The numbers behind the picture, a line for each place, row by row.
    pub fn to_csv(&self) -> String {
        let rows = self.y.iter().zip(&self.values);
        let lines =
            rows.flat_map(|(&y, row)| self.x.iter().zip(row).map(move |(&x, &value)| Line { x, y, value }));
        csv(&lines.collect::<Vec<_>>())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let figure = || self.title.clone();
        let rows = [(self.y.len(), self.values.len(), "the rows".to_owned())].into_iter();
        let columns =
            self.values.iter().enumerate().map(|(at, row)| (self.x.len(), row.len(), format!("row {at}")));
        if let Some((expected, found, series)) =
            rows.chain(columns).find(|(expected, found, _)| expected != found)
        {
            return Err(Error::Points { figure: figure(), series, expected, found });
        }
        let of_marks = self.marks.iter().flat_map(|mark| [mark.x, mark.y]);
        let numbers = self.x.iter().chain(&self.y).copied().chain(self.numbers()).chain(of_marks);
        if let Some(number) = numbers.into_iter().find(|number| !number.is_finite()) {
            return Err(Error::NotFinite {
                figure: figure(),
                of: "the surface".into(),
                found: number.to_string(),
            });
        }
        match self.x.len() > 1 && self.y.len() > 1 && self.numbers().next().is_some() {
            true => Ok(()),
            false => Err(Error::NoPoint { figure: figure() }),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().filter_map(|value| *value)
    }
}

struct SurfaceLayout {
    x: Scale,
    y: Scale,
    /// Values that contours stand at, and how they are written.
    levels: Vec<(f64, String)>,
    from: Pixel,
    to: Pixel,
    bar: i32,
    value_label: i32,
    legend: i32,
    size: (u32, u32),
}

impl SurfaceLayout {
    fn of(surface: &Surface) -> Self {
        let axis = |places: &[f64]| {
            let (low, high) = (places[0], places[places.len() - 1]);
            Scale { low, high, ticks: round_numbers(low, high, 7.0) }
        };
        let (x, y) = (axis(&surface.x), axis(&surface.y));
        let spread = |scale: &Scale| scale.high - scale.low;
        let longest = spread(&x).max(spread(&y));
        let side = |scale: &Scale| (spread(scale) / longest * SIDE.0).max(SIDE.1) as i32;
        let levels = levels(surface.numbers());
        let widest = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| width(name, TICK_SIZE)).max().unwrap_or(0)
        };
        let y_names = widest(&mut y.ticks.iter().map(|(_, name)| name.as_str()));
        let level_names = widest(&mut levels.iter().map(|(_, name)| name.as_str()));
        let lines = surface.marks.iter().map(|mark| mark.name.as_str());
        let legend_width = 26 + widest(&mut lines.chain(surface.notes.iter().map(String::as_str)));
        let from = (MARGIN + LABEL_SIZE + 10 + y_names + TICK + 6, TOP);
        let legend_lines = (surface.marks.len() + surface.notes.len() + 1) as i32;
        let to = (from.0 + side(&x), from.1 + side(&y).max(legend_lines * STEP));
        let bar = to.0 + 24;
        let value_label = bar + BAR + TICK + 4 + level_names + 8;
        let legend = value_label + LABEL_SIZE + 24;
        let height = to.1 + TICK + 6 + TICK_SIZE + 10 + LABEL_SIZE + MARGIN;
        Self {
            x,
            y,
            levels,
            from,
            to,
            bar,
            value_label,
            legend,
            size: ((legend + legend_width + MARGIN) as u32, height as u32),
        }
    }

    fn place(&self, x: f64, y: f64) -> Pixel {
        let share = |scale: &Scale, at: f64| (at - scale.low) / (scale.high - scale.low);
        let between = |from: i32, to: i32, share: f64| from + (share * f64::from(to - from)).round() as i32;
        (
            between(self.from.0, self.to.0, share(&self.x, x)),
            between(self.to.1, self.from.1, share(&self.y, y)),
        )
    }

    /// The band of values between two levels that a value is in, from 0.
    fn band(&self, value: f64) -> usize {
        self.levels.partition_point(|(level, _)| *level <= value)
    }

    fn colour(&self, band: usize) -> RGBColor {
        match self.levels.len() {
            0 => colour(0.5),
            last => colour(band as f64 / last as f64),
        }
    }
}

/// Round numbers between the lowest value and the one that a twentieth of the values exceed: a few steep places leave colours
/// for the rest.
fn levels(values: impl Iterator<Item = f64>) -> Vec<(f64, String)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[(values.len() - 1) * 19 / 20]);
    if high > low { round_numbers(low, high, 10.0) } else { Vec::new() }
}

fn draw(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let (from, to) = (layout.from, layout.to);
    let size = fitting(&surface.title, TITLE_SIZE, layout.size.0 as i32 - from.0 - MARGIN);
    draw_text(canvas, &surface.title, (from.0, from.1 / 2), size, HPos::Left, VPos::Center)?;
    canvas.draw(&Rectangle::new([from, to], FAINT.filled()))?;
    for y in 0..surface.y.len() - 1 {
        draw_row(surface, layout, canvas, y)?;
    }
    draw_lines(surface, layout, canvas)?;
    draw_axes(surface, layout, canvas)?;
    draw_bar(surface, layout, canvas)?;
    draw_marks(surface, layout, canvas)
}

/// The cells of a row, those of one colour side by side as one.
fn draw_row(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas, y: usize) -> Drawn {
    let fill = |x: std::ops::Range<usize>, band: usize| {
        let [upper, lower] =
            [(x.start, y + 1), (x.end, y)].map(|(x, y)| layout.place(surface.x[x], surface.y[y]));
        canvas.draw(&Rectangle::new([upper, lower], layout.colour(band).filled()))
    };
    let mut plain: Option<(std::ops::Range<usize>, usize)> = None;
    for x in 0..surface.x.len() - 1 {
        let cell = cell(surface, layout, x, y);
        let bands = cell.map(|cell| cell.map(|(_, value)| layout.band(value)));
        let same = bands.filter(|bands| bands.iter().all(|band| *band == bands[0])).map(|bands| bands[0]);
        if let (Some((run, band)), Some(same)) = (&mut plain, same)
            && *band == same
        {
            run.end = x + 1;
            continue;
        }
        if let Some((run, band)) = plain.take() {
            fill(run, band)?;
        }
        match (same, cell, bands) {
            (Some(band), ..) => plain = Some((x..x + 1, band)),
            (None, Some(cell), Some(bands)) => {
                let (low, high) =
                    bands.iter().fold((usize::MAX, 0), |(low, high), &band| (low.min(band), high.max(band)));
                fill(x..x + 1, low)?;
                for band in low..high {
                    let corners = clip(&cell, layout.levels[band].0);
                    canvas.draw(&Polygon::new(corners, layout.colour(band + 1).filled()))?;
                }
            }
            _ => {}
        }
    }
    match plain {
        Some((run, band)) => fill(run, band),
        None => Ok(()),
    }
}

/// The contours between the colours.
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

/// The corners of a cell and their values, around it; `None` if one has none.
fn cell(surface: &Surface, layout: &SurfaceLayout, x: usize, y: usize) -> Option<Cell> {
    let corner = |x: usize, y: usize| Some((layout.place(surface.x[x], surface.y[y]), surface.values[y][x]?));
    Some([corner(x, y)?, corner(x + 1, y)?, corner(x + 1, y + 1)?, corner(x, y + 1)?])
}

fn draw_axes(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let (from, to) = (layout.from, layout.to);
    for (y, name) in &layout.y.ticks {
        let height = layout.place(layout.x.low, *y).1;
        draw_line(canvas, vec![(from.0 - TICK, height), (from.0, height)], GREY.stroke_width(1), None)?;
        draw_text(canvas, name, (from.0 - TICK - 4, height), TICK_SIZE, HPos::Right, VPos::Center)?;
    }
    for (x, name) in &layout.x.ticks {
        let across = layout.place(*x, layout.y.low).0;
        draw_line(canvas, vec![(across, to.1), (across, to.1 + TICK)], GREY.stroke_width(1), None)?;
        draw_text(canvas, name, (across, to.1 + TICK + 4), TICK_SIZE, HPos::Center, VPos::Top)?;
    }
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    let below = to.1 + TICK + 6 + TICK_SIZE + 10;
    draw_text(canvas, &surface.x_label, (middle.0, below), LABEL_SIZE, HPos::Center, VPos::Top)?;
    draw_upright(canvas, &surface.y_label, (MARGIN, middle.1), LABEL_SIZE, HPos::Center, VPos::Top)
}

fn draw_bar(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let (top, bottom) = (layout.from.1, layout.to.1);
    let bands = layout.levels.len() + 1;
    let height = |band: usize| bottom - ((bottom - top) as f64 * band as f64 / bands as f64).round() as i32;
    for band in 0..bands {
        let corners = [(layout.bar, height(band + 1)), (layout.bar + BAR, height(band))];
        canvas.draw(&Rectangle::new(corners, layout.colour(band).filled()))?;
    }
    let right = layout.bar + BAR;
    for (nth, (_, name)) in layout.levels.iter().enumerate() {
        let at = height(nth + 1);
        draw_line(canvas, vec![(right, at), (right + TICK, at)], GREY.stroke_width(1), None)?;
        draw_text(canvas, name, (right + TICK + 4, at), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    let middle = (top + bottom) / 2;
    draw_upright(
        canvas,
        &surface.value_label,
        (layout.value_label, middle),
        LABEL_SIZE,
        HPos::Center,
        VPos::Top,
    )
}

fn draw_marks(surface: &Surface, layout: &SurfaceLayout, canvas: &Canvas) -> Drawn {
    let inside = |scale: &Scale, at: f64| (scale.low..=scale.high).contains(&at);
    // The first stand above the others.
    for (nth, mark) in surface.marks.iter().enumerate().rev() {
        let line = layout.from.1 + STEP / 2 + nth as i32 * STEP;
        let style = Style::new(nth, false);
        let draw = |at: Pixel| {
            draw_marker(
                canvas,
                at,
                &Style { colour: BLACK, radius: style.radius + 3, width: style.width + 3, ..style },
            )?;
            draw_marker(canvas, at, &Style { colour: WHITE, radius: style.radius + 1, ..style })
        };
        if inside(&layout.x, mark.x) && inside(&layout.y, mark.y) {
            draw(layout.place(mark.x, mark.y))?;
        }
        draw((layout.legend + 8, line))?;
        draw_text(canvas, &mark.name, (layout.legend + 26, line), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    for (nth, note) in surface.notes.iter().enumerate() {
        let line = layout.from.1 + (surface.marks.len() + 1 + nth) as i32 * STEP;
        draw_text(canvas, note, (layout.legend, line), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}
