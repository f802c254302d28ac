//! Running single jobs: training, soups, predictions, scores and error landscapes.

mod alone;
mod context;
mod ensemble;
mod failure;
mod inmerge;
mod job;
mod landscape;
mod models;
mod network;
mod predict;
mod scorer;
mod soup;
mod statistics;
mod train;

pub use context::JobContext;
pub use failure::{loses_gpu, panic_text};
pub use inmerge::InmergeHook;
pub use scorer::ValidationScorer;
pub use soup::{Choice, Chosen};
