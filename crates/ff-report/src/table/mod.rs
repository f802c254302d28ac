//! Tables of methods and columns.

mod csv;
mod data;
mod json;
mod sections;

pub use data::{Cell, Column, Row, Table};
pub(crate) use sections::{few_images, notes};
