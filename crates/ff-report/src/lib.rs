//! Tables and pictures from run records.
//!
//! A [`Table`] sets methods against columns, a column being a backbone trained on a dataset; a [`SeedTable`] does so
//! where each method was run with several seeds. A [`Figure`] is a line plot, a [`Surface`] a plane in filled contours, a
//! [`Heat`] a matrix in colours. All are filled from records and compute no
//! metric: they rank, average over seeds, subtract the published number, and render themselves. The published numbers
//! are in [`paper`] (FissionFusion) and [`inmerge`].

mod cost;
mod csv;
mod error;
mod figure;
mod format;
pub mod inmerge;
mod latex;
mod markdown;
pub mod paper;
mod rank;
mod section;
mod seeds;
mod shape;
mod table;

pub use cost::Cost;
pub use error::Error;
pub use figure::{Axis, Figure, Heat, Mark, Point, Series, Surface};
pub use rank::Rank;
pub use seeds::{SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable};
pub use table::{Cell, Column, Row, Table};
