//! Forest plots: estimates with their intervals, a line each.

use ff_eval::Shown;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::csv::csv;
use crate::error::Error;
use crate::figure::canvas::{Canvas, Drawn, draw_line, draw_text, picture};
use crate::figure::check::{check_any, check_finite, check_points};
use crate::figure::frame::draw_title;
use crate::figure::measure::{LABEL_SIZE, MARGIN, STEP, TICK_SIZE, TOP, widest};
use crate::figure::scale::Scale;
use crate::figure::style::{FAINT, GREY};

/// The width of a panel and the space between two, in pixels.
const PANEL: (i32, i32) = (300, 28);
/// The colours of estimates whose interval is above 0, and below it.
const HIGHER: RGBColor = RGBColor(0, 114, 178);
const LOWER: RGBColor = RGBColor(213, 94, 0);

/// Estimates with intervals, such as what each method gains: a row for each method, and a panel for
/// each set of images. All panels have one scale, with a line at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestPlot {
    /// The title above the plot.
    pub title: String,
    /// The name and unit of the estimates.
    pub label: String,
    /// The names of the panels.
    pub panels: Vec<String>,
    /// The rows, from the top.
    pub rows: Vec<ForestRow>,
}

/// A row of a forest plot.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// Its name.
    pub name: String,
    /// Its estimate in each panel; `None` leaves the place empty.
    pub estimates: Vec<Option<Estimated>>,
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimated {
    /// The estimate.
    pub value: f64,
    /// The ends of its interval.
    pub ends: (f64, f64),
}

impl ForestPlot {
    /// Draws the plot as an SVG picture, with the same bytes for the same plot.
    ///
    /// An estimate whose interval excludes 0 is a full dot, another an open one.
    ///
    /// # Errors
    /// [`Error::Points`] if a row has not one place for each panel, [`Error::NotFinite`],
    /// [`Error::NoPoint`] without estimates, [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let left = MARGIN + widest(self.rows.iter().map(|row| &row.name), TICK_SIZE) + 12;
        let panels = self.panels.len() as i32;
        let width = left + panels * PANEL.0 + (panels - 1) * PANEL.1 + MARGIN;
        let height = TOP + STEP * (self.rows.len() as i32 + 1) + 2 * STEP + MARGIN;
        let size = (width as u32, height as u32);
        picture(&self.title, size, |canvas| self.draw(canvas, left, size))
    }

    /// Writes the estimates as CSV: a line for each row and panel that has one.
    pub fn to_csv(&self) -> String {
        let head = ["row", "panel", "value", "low", "high"].map(str::to_owned).to_vec();
        let lines = self.rows.iter().flat_map(|row| {
            self.panels.iter().zip(&row.estimates).filter_map(|(panel, found)| {
                let Estimated { value, ends } = (*found)?;
                let numbers = [value, ends.0, ends.1].map(|number| number.to_string());
                Some([row.name.clone(), panel.clone()].into_iter().chain(numbers).collect())
            })
        });
        csv(&[head].into_iter().chain(lines).collect::<Vec<Vec<String>>>())
    }

    fn check(&self) -> Result<(), Error> {
        for row in &self.rows {
            check_points(&self.title, &row.name, self.panels.len(), row.estimates.len())?;
        }
        check_finite(&self.title, "the estimates", self.numbers())?;
        check_any(&self.title, self.numbers().next().is_some())
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        let found = self.rows.iter().flat_map(|row| &row.estimates).flatten();
        found.flat_map(|of| [of.value, of.ends.0, of.ends.1])
    }

    fn draw(&self, canvas: &Canvas, left: i32, size: (u32, u32)) -> Drawn {
        draw_title(canvas, &self.title, (MARGIN, TOP), size)?;
        let scale = Scale::around(self.numbers().chain([0.0]), 8.0);
        let top = TOP + STEP;
        let middle = |row: usize| top + STEP * row as i32 + STEP / 2;
        let bottom = top + STEP * self.rows.len() as i32;
        for (at, row) in self.rows.iter().enumerate() {
            draw_text(canvas, &row.name, (left - 12, middle(at)), TICK_SIZE, HPos::Right, VPos::Center)?;
        }
        for (panel, name) in self.panels.iter().enumerate() {
            let from = left + panel as i32 * (PANEL.0 + PANEL.1);
            let across = |number: f64| from + (scale.share(number) * f64::from(PANEL.0)).round() as i32;
            let line = |number: f64, colour: RGBColor| {
                let x = across(number);
                draw_line(canvas, vec![(x, top), (x, bottom)], colour.stroke_width(1), None)
            };
            draw_text(canvas, name, (from + PANEL.0 / 2, TOP), LABEL_SIZE, HPos::Center, VPos::Top)?;
            for (number, name) in &scale.ticks {
                line(*number, FAINT)?;
                let below = (across(*number), bottom + 6);
                draw_text(canvas, name, below, TICK_SIZE, HPos::Center, VPos::Top)?;
            }
            line(0.0, GREY)?;
            let label = (from + PANEL.0 / 2, bottom + STEP + 4);
            draw_text(canvas, &self.label, label, TICK_SIZE, HPos::Center, VPos::Top)?;
            for (at, row) in self.rows.iter().enumerate() {
                let Some(Estimated { value, ends: (low, high) }) = row.estimates[panel] else { continue };
                let (colour, inside) = match Shown::by(low, high) {
                    Shown::Higher => (HIGHER, HIGHER),
                    Shown::Lower => (LOWER, LOWER),
                    Shown::Neither => (GREY, WHITE),
                };
                let (y, stroke) = (middle(at), colour.stroke_width(2));
                draw_line(canvas, vec![(across(low), y), (across(high), y)], stroke, None)?;
                let dot = (across(value), y);
                canvas.draw(&Circle::new(dot, 5, inside.filled()))?;
                canvas.draw(&Circle::new(dot, 5, stroke))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> ForestPlot {
        let of = |value: f64| Some(Estimated { value, ends: (value - 0.01, value + 0.01) });
        let row = |name: &str, estimates| ForestRow { name: name.to_owned(), estimates };
        ForestPlot {
            title: "Gain over the best single model".into(),
            label: "accuracy".into(),
            panels: vec!["test".into(), "shifted".into()],
            rows: vec![row("Greedy", vec![of(0.02), of(0.0)]), row("Uniform", vec![of(-0.05), None])],
        }
    }

    #[test]
    fn every_estimate_is_drawn() {
        let svg = plot().to_svg().unwrap();
        assert_eq!(svg.matches("<circle").count(), 6, "a dot and its edge for each estimate");
        for text in ["Greedy", "Uniform", "test", "shifted", "accuracy"] {
            assert!(svg.contains(text), "{text}");
        }
        let lines: Vec<String> = plot().to_csv().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "row,panel,value,low,high");
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3], "Uniform,test,-0.05,-0.060000000000000005,-0.04");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let mut short = plot();
        short.rows[0].estimates.pop();
        assert!(matches!(short.to_svg(), Err(Error::Points { .. })));
        let empty = ForestPlot { rows: Vec::new(), ..plot() };
        assert!(matches!(empty.to_svg(), Err(Error::NoPoint { .. })));
    }
}
