//! A surface over a plane, as data.

use serde::Serialize;

use crate::csv::csv;
use crate::error::Error;
use crate::figure::check::{check_any, check_finite, check_matrix};

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
    /// The numbers behind the picture, a line for each place, row by row.
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

    /// All values.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().flatten().copied()
    }
}
