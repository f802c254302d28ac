//! Running single jobs: training, soups, predictions, scores and error landscapes.

mod alone;
mod class_order;
mod context;
mod cross_fit;
mod ensemble;
mod failure;
mod import;
mod inmerge;
mod job;
mod landscape;
mod models;
mod network;
mod predict;
mod predictor;
mod scorer;
mod soup;
mod statistics;
mod train;
mod verdict;

pub use context::JobContext;
pub use cross_fit::{CrossFitted, cross_fit, folds, outside};
pub use failure::{loses_gpu, panic_text};
pub use inmerge::InmergeHook;
pub use predictor::{ModelPredictor, Predictor};
pub use scorer::ValidationScorer;
pub use soup::{Choice, Chosen};
