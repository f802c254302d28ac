//! Tables of methods that were run with several seeds.

mod check;
mod csv;
mod data;
mod json;
mod notes;
mod sections;
mod table;
mod tasks;

pub use data::{SeedCell, SeedColumn, SeedRow, SeedRun};
pub(crate) use sections::test_text;
pub use table::SeedTable;
