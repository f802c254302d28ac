//! The data of a surface over a plane.

use serde::Serialize;

use crate::csv::csv;
use crate::error::Error;
use crate::figure::check::{check_any, check_finite, check_matrix};

/// Values on a grid over a plane, drawn as filled contours.
///
/// The picture is true to scale, unless it would be too flat.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The title above the plot.
    pub title: String,
    /// The name and unit of x.
    pub x_label: String,
    /// The name of y, in the unit of x.
    pub y_label: String,
    /// The name and unit of the values.
    pub value_label: String,
    /// The positions of the columns, in ascending order, at least two.
    pub x: Vec<f64>,
    /// The positions of the rows, in ascending order, at least two.
    pub y: Vec<f64>,
    /// The values by row, the lowest y first; `None` at a point without a value.
    pub values: Vec<Vec<Option<f64>>>,
    /// Points to mark. Those outside of the grid are in the legend only.
    pub marks: Vec<Mark>,
    /// Lines of text below the legend.
    pub notes: Vec<String>,
}

/// A marked point of a surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The name in the legend.
    pub name: String,
    /// The position on the x axis.
    pub x: f64,
    /// The position on the y axis.
    pub y: f64,
}

#[derive(Serialize)]
struct Line {
    x: f64,
    y: f64,
    value: Option<f64>,
}

impl Surface {
    /// Writes the values as CSV, a line for each point, row by row.
    pub fn to_csv(&self) -> String {
        let rows = self.y.iter().zip(&self.values);
        let lines =
            rows.flat_map(|(&y, row)| self.x.iter().zip(row).map(move |(&x, &value)| Line { x, y, value }));
        csv(&lines.collect::<Vec<_>>())
    }

    pub(in crate::figure) fn check(&self) -> Result<(), Error> {
        let sides = (self.y.len(), self.x.len());
        check_matrix(&self.title, sides, &self.values, |at| format!("row {at}"))?;
        let of_marks = self.marks.iter().flat_map(|mark| [mark.x, mark.y]);
        let numbers = self.x.iter().chain(&self.y).copied().chain(self.numbers()).chain(of_marks);
        check_finite(&self.title, "the surface", numbers)?;
        check_any(&self.title, sides.0 > 1 && sides.1 > 1 && self.numbers().next().is_some())
    }

    /// The values of all points that have one.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().flatten().copied()
    }
}
