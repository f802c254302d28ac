//! Tables from run records.
//!
//! A [`Table`] sets methods against columns, a column being a backbone trained on a dataset. It is filled from records
//! and computes no metric: it ranks, subtracts the published number, and renders itself as Markdown, CSV, LaTeX and
//! JSON. The published numbers are in [`paper`].

mod csv;
mod error;
mod format;
mod json;
mod latex;
mod markdown;
pub mod paper;
mod rank;
mod section;
mod table;

pub use error::Error;
pub use rank::Rank;
pub use table::{Cell, Column, Cost, Row, Table};
