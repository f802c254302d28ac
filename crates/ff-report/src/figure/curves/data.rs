//! A plot of curves, as data: curves over training, ROC curves, reliability, one score against
//! another.

use crate::error::Error;
use crate::figure::check::{check_any, check_finite};

/// A plot whose series need not share their places on the x axis. The legend stands below, so that
/// the picture stays narrow enough for a telephone.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What it is called; said to those who cannot see it, and in errors.
    pub title: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// What the x axis spans.
    pub x: Span,
    /// What the y axis spans.
    pub y: Span,
    /// The series, in the order of the legend.
    pub curves: Vec<Curve>,
    /// The name of the line on which y is x, if it is drawn.
    pub diagonal: Option<String>,
    /// Height of the plot, in pixels.
    pub height: u32,
    /// Whether there is a legend.
    pub legend: bool,
}

/// What an axis spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// What is drawn.
    Data,
    /// 0 to 1.
    Unit,
    /// From 0 to so many epochs.
    Epochs(u32),
    /// What is drawn, by its logarithm; numbers that are not positive are left out.
    Powers,
}

/// A series.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// As in the legend.
    pub name: String,
    /// Its points, in the order in which a line joins them.
    pub spots: Vec<Spot>,
    /// How it is drawn.
    pub kind: CurveKind,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// A line, with markers where its points ask for them.
    Line,
    /// Markers alone, above the others.
    Marks,
    /// Large markers alone.
    Emphasis,
    /// A thin grey line without a place in the legend.
    Faint,
}

/// A point of a series, all its numbers finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spot {
    /// Where it is.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Ends of a whisker along x.
    pub x_ends: Option<(f64, f64)>,
    /// Ends of a whisker along y.
    pub y_ends: Option<(f64, f64)>,
    /// Whether a line has a marker here. One that has none gets a few, so that it can be told from
    /// others.
    pub mark: bool,
}

impl Spot {
    /// Without whiskers and marker.
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

    /// The series with a place in the legend.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(|curve| curve.kind != CurveKind::Faint)
    }

    /// What the legend names: the series, then the diagonal.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.shown().map(|curve| &curve.name).chain(&self.diagonal).filter(|_| self.legend)
    }
}
