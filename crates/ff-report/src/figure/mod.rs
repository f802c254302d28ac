//! Plots.

mod colour;
mod contour;
mod curves;
mod draw;
mod heatmap;
mod layout;
mod plot;
mod scale;
mod style;
mod surface;

use serde::Serialize;

use crate::csv::csv;
use crate::error::Error;

pub use curves::{Curve, CurveKind, Curves, Span, Spot};
pub use heatmap::Heatmap;
pub use plot::Plot;
pub use surface::{Mark, Surface};

/// A line plot of a sweep or of a curve over epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Printed above.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// The places of the points.
    pub x: Axis,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
    /// Whether a line joins the points of a series; places that have no way from one to the next want none.
    pub joined: bool,
    /// Horizontal dashed lines, such as a baseline, each a name and its y.
    pub references: Vec<(String, f64)>,
}

/// The places on the x axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Names, evenly spaced in their order.
    Categories(Vec<String>),
    /// Finite numbers, at their distances: those that span powers of ten read better as categories. Lines join them in
    /// their order.
    Numbers(Vec<f64>),
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// As in the legend.
    pub name: String,
    /// One per place on the x axis; the line has a gap where there is none.
    pub points: Vec<Option<Point>>,
    /// Drawn thicker and above the others.
    pub emphasis: bool,
}

/// A value with its whiskers, all finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The value.
    pub y: f64,
    /// Lower end of the whisker; with `high` missing it ends at the value.
    pub low: Option<f64>,
    /// Upper end of the whisker; with `low` missing it begins at the value.
    pub high: Option<f64>,
}

#[derive(Serialize)]
struct Line<'a> {
    series: &'a str,
    x: Option<String>,
    y: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl LinePlot {
    /// The figure as an SVG picture, the same text for the same figure. Text is set in the reader's sans-serif font.
    ///
    /// Series differ in colour (Okabe and Ito's palette), in marker and, from the eighth on, in dash. With whiskers,
    /// the series of a place stand a little apart so that all can be seen. The y axis spans the data and the references,
    /// and need not begin at 0.
    ///
    /// # Errors
    /// A series without exactly one point per place, a number that is not finite, or no point at all.
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        draw::svg(self)
    }

    /// The numbers behind the picture: a line for each point, then for each reference, which has no x.
    pub fn to_csv(&self) -> String {
        let points = self.series.iter().flat_map(|series| {
            series.points.iter().enumerate().filter_map(|(at, point)| {
                let Point { y, low, high } = (*point)?;
                Some(Line { series: &series.name, x: self.x.name(at), y, low, high })
            })
        });
        let references =
            self.references.iter().map(|(series, y)| Line { series, x: None, y: *y, low: None, high: None });
        csv(&points.chain(references).collect::<Vec<_>>())
    }

    fn check(&self) -> Result<(), Error> {
        let figure = || self.title.clone();
        let finite = |of: &dyn Fn() -> String, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(Error::NotFinite { figure: figure(), of: of(), found: value.to_string() }),
        };
        if let Axis::Numbers(numbers) = &self.x {
            numbers.iter().try_for_each(|&x| finite(&|| "x axis".to_owned(), x))?;
        }
        for (name, y) in &self.references {
            finite(&|| format!("reference {name:?}"), *y)?;
        }
        for Series { name, points, .. } in &self.series {
            let (expected, found) = (self.x.len(), points.len());
            if found != expected {
                return Err(Error::Points { figure: figure(), series: name.clone(), expected, found });
            }
            for point in points.iter().flatten() {
                let of = || format!("series {name:?}");
                point.span().into_iter().try_for_each(|value| finite(&of, value))?;
            }
        }
        match self.series.iter().any(|series| series.points.iter().any(Option::is_some)) {
            true => Ok(()),
            false => Err(Error::NoPoint { figure: figure() }),
        }
    }
}

impl Axis {
    /// Number of places.
    fn len(&self) -> usize {
        match self {
            Axis::Categories(names) => names.len(),
            Axis::Numbers(numbers) => numbers.len(),
        }
    }

    fn name(&self, at: usize) -> Option<String> {
        match self {
            Axis::Categories(names) => names.get(at).cloned(),
            Axis::Numbers(numbers) => numbers.get(at).map(f64::to_string),
        }
    }
}

impl Point {
    /// The whisker's lower end, the value, and the whisker's upper end.
    fn span(self) -> [f64; 3] {
        [self.low.unwrap_or(self.y), self.y, self.high.unwrap_or(self.y)]
    }
}
