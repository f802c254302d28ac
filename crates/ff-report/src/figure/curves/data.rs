//! The data of a plot of curves: learning curves, ROC curves, reliability diagrams, or one score
//! against another.

use crate::error::Error;
use crate::figure::check::{check_any, check_finite};

/// A plot of curves, each with its own positions on the x axis.
///
/// The legend is below the plot, so that the picture is narrow enough for a phone.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// The title, used as the picture's text alternative and in errors.
    pub title: String,
    /// The name and unit of x.
    pub x_label: String,
    /// The name and unit of y.
    pub y_label: String,
    /// The range of the x axis.
    pub x: Span,
    /// The range of the y axis.
    pub y: Span,
    /// The series, in the order of the legend.
    pub curves: Vec<Curve>,
    /// The name of the line y = x; `None` to leave it out.
    pub diagonal: Option<String>,
    /// The height of the plot, in pixels.
    pub height: u32,
    /// True to draw a legend.
    pub legend: bool,
}

/// The range of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The range of the data.
    Data,
    /// From 0 to 1.
    Unit,
    /// From 0 to this number of epochs.
    Epochs(u32),
    /// The range of the data on a logarithmic scale; numbers that are not positive are left out.
    Powers,
}

/// A series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The name in the legend.
    pub name: String,
    /// The points, in the order in which a line joins them.
    pub spots: Vec<Spot>,
    /// How the series is drawn.
    pub kind: CurveKind,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// A line, with markers at the points that ask for one.
    Line,
    /// Markers only, above the other series.
    Marks,
    /// Large markers only.
    Emphasis,
    /// A thin grey line, which is not in the legend.
    Faint,
}

/// A point of a series. All numbers must be finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spot {
    /// The position.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// The ends of a whisker along x.
    pub x_ends: Option<(f64, f64)>,
    /// The ends of a whisker along y.
    pub y_ends: Option<(f64, f64)>,
    /// True if a line has a marker here. A line without such points gets a few markers, which
    /// distinguish it from others.
    pub mark: bool,
}

impl Spot {
    /// Creates a point without whiskers and marker.
    pub fn at(x: f64, y: f64) -> Spot {
        Spot { x, y, ..Spot::default() }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        let ends = [self.x_ends, self.y_ends].into_iter().flatten();
        [self.x, self.y].into_iter().chain(ends.flat_map(|(low, high)| [low, high]))
    }
}

impl Curves {
    pub(super) fn check(&self) -> Result<(), Error> {
        for Curve { name, spots, .. } in &self.curves {
            let numbers = spots.iter().flat_map(Spot::numbers);
            check_finite(&self.title, &format!("series {name:?}"), numbers)?;
        }
        check_any(&self.title, self.curves.iter().any(|curve| !curve.spots.is_empty()))
    }

    /// The series in the legend.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(|curve| curve.kind != CurveKind::Faint)
    }

    /// The names in the legend: the series, then the diagonal.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.shown().map(|curve| &curve.name).chain(&self.diagonal).filter(|_| self.legend)
    }
}
