//! Tables and pictures from run records.
//!
//! A [`Table`] sets methods against columns, a column being a backbone trained on a dataset; a
//! [`SeedTable`] does so where each method was run with several seeds. A [`LinePlot`] is a line
//! plot, [`Curves`] one whose series have places of their own, a [`Surface`] a plane in filled
//! contours, a [`Heatmap`] a matrix in colours. A [`Report`] is a page of all that and more. All
//! are filled from records and compute no metric: they rank, average over seeds, subtract the
//! published number, and render themselves. The published numbers are in [`published`], read from
//! `configs/published`.

mod cost;
mod csv;
mod error;
mod figure;
mod format;
mod latex;
mod markdown;
pub mod published;
mod rank;
pub mod report;
mod section;
mod seeds;
mod shape;
mod table;

pub use cost::Cost;
pub use csv::csv;
pub use error::Error;
pub use figure::{
    Axis, Curve, CurveKind, Curves, Heatmap, LinePlot, Mark, Plot, Point, Series, Span, Spot, Surface,
};
pub use markdown::escape as markdown_text;
pub use rank::Rank;
pub use report::Report;
pub use seeds::{SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable};
pub use table::{Cell, Column, Row, Table};
