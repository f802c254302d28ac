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
pub use table::SeedTable;
