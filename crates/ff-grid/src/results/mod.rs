//! Results for people: tables, files and reports, read from records.

mod files;
mod predicted;
mod read;
mod report;
mod write;

pub use report::{Source, report};
pub use write::{Results, begin_table, render, write_results};

pub(crate) use files::{place, write_text};
pub(crate) use predicted::PredictedList;
pub(crate) use report::{add_images, empty_column, per_class};
