//! A line plot, as data.

use serde::Serialize;

use crate::csv::csv;
use crate::error::Error;
use crate::figure::check::{check_any, check_finite, check_points};

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
    /// Whether a line joins the points of a series; places that have no way from one to the next
    /// want none.
    pub joined: bool,
    /// Horizontal dashed lines, such as a baseline, each a name and its y.
    pub references: Vec<(String, f64)>,
}

/// The places on the x axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Names, evenly spaced in their order.
    Categories(Vec<String>),
    /// Finite numbers, at their distances: those that span powers of ten read better as categories.
    /// Lines join them in their order.
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
    /// The numbers behind the picture: a line for each point, then for each reference, which has no
    /// x.
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

    /// What the legend names: the series, then the references.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.series.iter().map(|of| &of.name).chain(self.references.iter().map(|of| &of.0))
    }

    pub(in crate::figure) fn check(&self) -> Result<(), Error> {
        let figure = &self.title;
        if let Axis::Numbers(numbers) = &self.x {
            check_finite(figure, "x axis", numbers.iter().copied())?;
        }
        for (name, y) in &self.references {
            check_finite(figure, &format!("reference {name:?}"), [*y].into_iter())?;
        }
        for Series { name, points, .. } in &self.series {
            check_points(figure, name, self.x.len(), points.len())?;
            let numbers = points.iter().flatten().flat_map(|point| point.span());
            check_finite(figure, &format!("series {name:?}"), numbers)?;
        }
        check_any(figure, self.series.iter().any(|series| series.points.iter().any(Option::is_some)))
    }
}

impl Axis {
    /// Number of places.
    pub(super) fn len(&self) -> usize {
        match self {
            Axis::Categories(names) => names.len(),
            Axis::Numbers(numbers) => numbers.len(),
        }
    }

    /// Where the points of a series stand.
    pub(super) fn at(&self, nth: usize) -> f64 {
        match self {
            Axis::Categories(_) => nth as f64,
            Axis::Numbers(numbers) => numbers[nth],
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
    pub(super) fn span(self) -> [f64; 3] {
        [self.low.unwrap_or(self.y), self.y, self.high.unwrap_or(self.y)]
    }

    /// The ends of the whisker, if there is one.
    pub(super) fn whisker(self) -> Option<(f64, f64)> {
        let [low, _, high] = self.span();
        (self.low.is_some() || self.high.is_some()).then_some((low, high))
    }
}
