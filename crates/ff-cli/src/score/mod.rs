//! Scores of weights by a command of the user's, for models of any architecture.
//!
//! A command runs in a process group of its own ([`process`]). Finished scores are kept beside the
//! output ([`kept`]), so that an interrupted selection resumes.

mod answer;
mod command;
mod kept;
mod process;
mod scorer;

pub(crate) use command::ScoreCommand;
pub use command::ScoreOptions;
pub(crate) use kept::{beside, folder_of};
pub(crate) use scorer::{CommandScorer, default_metric};
