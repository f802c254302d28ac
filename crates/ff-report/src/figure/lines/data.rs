//! The data of a line plot.

use serde::Serialize;

use crate::csv::csv;
use crate::error::Error;
use crate::figure::check::{check_any, check_finite, check_points};

/// A line plot, such as of a sweep or of a curve over epochs.
///
/// ```
/// use ff_report::{Axis, LinePlot, Point, Series};
///
/// let points = [0.85, 0.87, 0.88].map(|y| Some(Point { y, low: None, high: None }));
/// let series = Series { name: "soup".to_owned(), points: points.to_vec(), emphasis: true };
/// let plot = LinePlot {
///     title: "Accuracy by size of the soup".to_owned(),
///     x_label: "models".to_owned(),
///     y_label: "accuracy on validation".to_owned(),
///     x: Axis::Numbers(vec![1.0, 2.0, 4.0]),
///     series: vec![series],
///     joined: true,
///     references: vec![("best model".to_owned(), 0.85)],
/// };
/// assert!(plot.to_svg()?.starts_with("<svg"));
/// assert!(plot.to_csv().starts_with("series,x,y,low,high\n"));
/// # Ok::<(), ff_report::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// The title above the plot.
    pub title: String,
    /// The name and unit of x.
    pub x_label: String,
    /// The name and unit of y.
    pub y_label: String,
    /// The positions of the points, which all series share.
    pub x: Axis,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
    /// True if a line joins the points of a series; false for positions without an order.
    pub joined: bool,
    /// The names and y of horizontal dashed lines, such as a baseline.
    pub references: Vec<(String, f64)>,
}

/// The positions on the x axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Names, evenly spaced in their order.
    Categories(Vec<String>),
    /// Finite numbers on a linear scale; for numbers over several powers of ten, use categories.
    /// Lines join them in the given order.
    Numbers(Vec<f64>),
}

/// A line of a line plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// One point for each position on the x axis; the line has a gap at `None`.
    pub points: Vec<Option<Point>>,
    /// True to draw the line thicker and above the others.
    pub emphasis: bool,
}

/// A value with its whisker. All numbers must be finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The value.
    pub y: f64,
    /// The lower end of the whisker; `None` to start it at the value.
    pub low: Option<f64>,
    /// The upper end of the whisker; `None` to end it at the value.
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
    /// Writes the numbers of the plot as CSV: a line for each point, then one for each reference,
    /// with an empty x.
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

    /// The names in the legend: the series, then the references.
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
    /// The number of positions.
    pub(super) fn len(&self) -> usize {
        match self {
            Axis::Categories(names) => names.len(),
            Axis::Numbers(numbers) => numbers.len(),
        }
    }

    /// The position of the points with this index, on the axis.
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
    /// The lower end of the whisker, the value, and the upper end of the whisker.
    pub(super) fn span(self) -> [f64; 3] {
        [self.low.unwrap_or(self.y), self.y, self.high.unwrap_or(self.y)]
    }

    /// The ends of the whisker, if there is one.
    pub(super) fn whisker(self) -> Option<(f64, f64)> {
        let [low, _, high] = self.span();
        (self.low.is_some() || self.high.is_some()).then_some((low, high))
    }
}
