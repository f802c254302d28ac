//! Tables of methods against columns.

mod csv;
mod data;
mod json;
mod sections;

pub use data::{Cell, Column, Row, Table};
