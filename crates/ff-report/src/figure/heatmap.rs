//! Heatmaps: matrices of values, drawn as colours.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::csv::csv;
use crate::error::Error;
use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_text, draw_text_in, draw_upright, picture};
use crate::figure::check::{check_any, check_finite, check_matrix};
use crate::figure::colour::{colour, ink};
use crate::figure::colour_bar::ColourBar;
use crate::figure::frame::draw_title;
use crate::figure::measure::{MARGIN, TICK_SIZE, TOP, widest};
use crate::figure::scale::round_numbers;
use crate::figure::style::FAINT;

/// The approximate width of the matrix, in pixels.
const WHOLE: i32 = 1000;
/// The least and the greatest width of a cell, in pixels.
const CELL: (i32, i32) = (14, 52);
/// The least width of a cell with its value written in it, in pixels.
const WRITTEN: i32 = 30;
/// The number of colours of the bar.
const STEPS: usize = 64;

/// A matrix of values, such as one value for each pair of models.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// The title above the plot.
    pub title: String,
    /// The name and unit of the values.
    pub value_label: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The names of the rows, from the top.
    pub rows: Vec<String>,
    /// The values by row; `None` is drawn as a grey cell.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Heatmap {
    /// Draws the matrix as an SVG picture, with the same bytes for the same matrix.
    ///
    /// Values are written in the cells if these are large enough: up to about thirty columns.
    ///
    /// # Errors
    /// [`Error::Points`] if the numbers of names and values differ, [`Error::NotFinite`],
    /// [`Error::NoPoint`] without values, [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = HeatmapLayout::of(self);
        picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }

    /// Writes the values as CSV, with the names of columns in the first line and those of rows in
    /// the first field.
    pub fn to_csv(&self) -> String {
        let text = |value: &Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let head = [String::new()].into_iter().chain(self.columns.iter().cloned()).collect();
        let rows = self.rows.iter().zip(&self.values);
        let rows = rows.map(|(name, row)| [name.clone()].into_iter().chain(row.iter().map(text)).collect());
        csv(&[head].into_iter().chain(rows).collect::<Vec<Vec<String>>>())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let sides = (self.rows.len(), self.columns.len());
        check_matrix(&self.title, sides, &self.values, |_| "a row".to_owned())?;
        check_finite(&self.title, "the matrix", self.numbers())?;
        check_any(&self.title, self.numbers().next().is_some())
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().flatten().copied()
    }
}

struct HeatmapLayout {
    cell: i32,
    from: Pixel,
    to: Pixel,
    bar: ColourBar,
    range: (f64, f64),
    ticks: Vec<(f64, String)>,
    size: (u32, u32),
}

impl HeatmapLayout {
    fn of(heatmap: &Heatmap) -> Self {
        let (columns, rows) = (heatmap.columns.len() as i32, heatmap.rows.len() as i32);
        let cell = (WHOLE / columns).clamp(CELL.0, CELL.1);
        let size = name_size(cell);
        let from = (MARGIN + widest(heatmap.rows.iter(), size) + 8, TOP);
        let to = (from.0 + cell * columns, from.1 + cell * rows);
        let range = heatmap
            .numbers()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let ticks = if range.1 > range.0 { round_numbers(range.0, range.1, 6.0) } else { Vec::new() };
        let bar = ColourBar::beside(from, to, &ticks);
        let below = to.1 + 8 + widest(heatmap.columns.iter(), size) + MARGIN;
        let size = ((bar.right() + MARGIN) as u32, below as u32);
        Self { cell, from, to, bar, range, ticks, size }
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
    draw_title(canvas, &heatmap.title, from, layout.size)?;
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
    let steps = (0..STEPS).map(|step| colour(step as f64 / STEPS as f64));
    let ticks = layout.ticks.iter();
    let ticks = ticks.map(|(value, name)| (layout.share(*value) * STEPS as f64, name.as_str()));
    layout.bar.draw(canvas, steps, ticks, &heatmap.value_label)
}

/// Formats a value with two decimals, without a leading 0.
fn short(value: f64) -> String {
    let text = format!("{value:.2}").replace('-', "−");
    text.replace("0.", ".").replace("1.00", "1")
}
