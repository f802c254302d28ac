//! A matrix of values as colours.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::colour::{colour, ink};
use super::draw::{self, Canvas, Drawn, draw_line, draw_text, draw_text_in, draw_upright};
use super::layout::{LABEL_SIZE, MARGIN, Pixel, TICK, TICK_SIZE, TITLE_SIZE, TOP, fitting, width};
use super::scale::round_numbers;
use super::style::{FAINT, GREY};
use crate::csv::csv;
use crate::error::Error;

/// About the width of the whole matrix, and the least and greatest of a cell's.
const WHOLE: i32 = 1000;
const CELL: (i32, i32) = (14, 52);
/// The least width of a cell that has its value written in it.
const WRITTEN: i32 = 30;
/// Width of the colour bar, and the number of its steps.
const BAR: (i32, i32) = (22, 64);

/// A matrix of values, such as of pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Printed above.
    pub title: String,
    /// What the values are, with their unit.
    pub value_label: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, from the top.
    pub rows: Vec<String>,
    /// Values by row; there may be none.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Heatmap {
    /// The matrix as an SVG picture, the same text for the same matrix. Values are written in the cells as long as they are
    /// large enough: up to some thirty columns.
    ///
    /// # Errors
    /// Names that do not fit the values, a number that is not finite, or no value at all.
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = HeatmapLayout::of(self);
        draw::picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }

    /// The values as a table with the names at its head and side.
    pub fn to_csv(&self) -> String {
        let text = |value: &Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let head = [String::new()].into_iter().chain(self.columns.iter().cloned()).collect();
        let rows = self.rows.iter().zip(&self.values);
        let rows = rows.map(|(name, row)| [name.clone()].into_iter().chain(row.iter().map(text)).collect());
        csv(&[head].into_iter().chain(rows).collect::<Vec<Vec<String>>>())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let figure = || self.title.clone();
        let columns = self.values.iter().map(|row| (self.columns.len(), row.len(), "a row"));
        let sizes = [(self.rows.len(), self.values.len(), "the rows")].into_iter().chain(columns);
        for (expected, found, series) in sizes {
            if expected != found {
                return Err(Error::Points { figure: figure(), series: series.into(), expected, found });
            }
        }
        if let Some(number) = self.numbers().find(|number| !number.is_finite()) {
            return Err(Error::NotFinite {
                figure: figure(),
                of: "the matrix".into(),
                found: number.to_string(),
            });
        }
        match self.numbers().next() {
            Some(_) => Ok(()),
            None => Err(Error::NoPoint { figure: figure() }),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().filter_map(|value| *value)
    }
}

struct HeatmapLayout {
    cell: i32,
    from: Pixel,
    to: Pixel,
    bar: i32,
    range: (f64, f64),
    ticks: Vec<(f64, String)>,
    value_label: i32,
    size: (u32, u32),
}

impl HeatmapLayout {
    fn of(heatmap: &Heatmap) -> Self {
        let cell = (WHOLE / heatmap.columns.len() as i32).clamp(CELL.0, CELL.1);
        let size = name_size(cell);
        let widest = |names: &[String], size| names.iter().map(|name| width(name, size)).max().unwrap_or(0);
        let from = (MARGIN + widest(&heatmap.rows, size) + 8, TOP);
        let to = (from.0 + cell * heatmap.columns.len() as i32, from.1 + cell * heatmap.rows.len() as i32);
        let range = heatmap
            .numbers()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let ticks = if range.1 > range.0 { round_numbers(range.0, range.1, 6.0) } else { Vec::new() };
        let bar = to.0 + 24;
        let names = ticks.iter().map(|(_, name)| width(name, TICK_SIZE)).max().unwrap_or(0);
        let value_label = bar + BAR.0 + TICK + 4 + names + 8;
        let below = to.1 + 8 + widest(&heatmap.columns, size) + MARGIN;
        let across = value_label + LABEL_SIZE + MARGIN;
        Self { cell, from, to, bar, range, ticks, value_label, size: (across as u32, below as u32) }
    }

    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        if high > low { (value - low) / (high - low) } else { 0.5 }
    }
}

fn name_size(cell: i32) -> i32 {
    (cell - 2).min(TICK_SIZE)
}

fn draw(heatmap: &Heatmap, layout: &HeatmapLayout, canvas: &Canvas) -> Drawn {
    let HeatmapLayout { cell, from, to, .. } = *layout;
    let size = fitting(&heatmap.title, TITLE_SIZE, layout.size.0 as i32 - from.0 - MARGIN);
    draw_text(canvas, &heatmap.title, (from.0, from.1 / 2), size, HPos::Left, VPos::Center)?;
    let at = |column: usize, row: usize| (from.0 + column as i32 * cell, from.1 + row as i32 * cell);
    for (row, values) in heatmap.values.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let place = [at(column, row), at(column + 1, row + 1)];
            let on = value.map_or(FAINT, |value| colour(layout.share(value)));
            canvas.draw(&Rectangle::new(place, on.filled()))?;
            if let (Some(value), true) = (value, cell >= WRITTEN) {
                let middle = (place[0].0 + cell / 2, place[0].1 + cell / 2);
                draw_text_in(
                    canvas,
                    &short(*value),
                    middle,
                    cell * 3 / 10,
                    (HPos::Center, VPos::Center),
                    &ink(on),
                )?;
            }
        }
    }
    for (row, name) in heatmap.rows.iter().enumerate() {
        let middle = (from.0 - 8, at(0, row).1 + cell / 2);
        draw_text(canvas, name, middle, name_size(cell), HPos::Right, VPos::Center)?;
    }
    for (column, name) in heatmap.columns.iter().enumerate() {
        let middle = (at(column, 0).0 + cell / 2, to.1 + 8);
        draw_upright(canvas, name, middle, name_size(cell), HPos::Right, VPos::Center)?;
    }
    draw_bar(heatmap, layout, canvas)
}

fn draw_bar(heatmap: &Heatmap, layout: &HeatmapLayout, canvas: &Canvas) -> Drawn {
    let ((left, right), (top, bottom)) = ((layout.bar, layout.bar + BAR.0), (layout.from.1, layout.to.1));
    let height = |share: f64| bottom - (share * f64::from(bottom - top)).round() as i32;
    for step in 0..BAR.1 {
        let [low, high] = [step, step + 1].map(|step| f64::from(step) / f64::from(BAR.1));
        canvas.draw(&Rectangle::new([(left, height(high)), (right, height(low))], colour(low).filled()))?;
    }
    for (value, name) in &layout.ticks {
        let at = height(layout.share(*value));
        draw_line(canvas, vec![(right, at), (right + TICK, at)], GREY.stroke_width(1), None)?;
        draw_text(canvas, name, (right + TICK + 4, at), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    let middle = (layout.value_label, (top + bottom) / 2);
    draw_upright(canvas, &heatmap.value_label, middle, LABEL_SIZE, HPos::Center, VPos::Top)
}

/// Two digits behind the point; a number below 1 without the 0 before it.
fn short(value: f64) -> String {
    let text = format!("{value:.2}").replace('-', "−");
    text.replace("0.", ".").replace("1.00", "1")
}
