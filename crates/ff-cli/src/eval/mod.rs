//! The commands of `ff-eval`: metrics of predictions.

mod compare;
mod decision;
mod gains;
mod score;
mod scored;

use clap::Subcommand;

pub use compare::Compare;
pub use gains::Gains;
pub use score::ScoreOptions;
#[cfg(feature = "torch")]
pub(crate) use {
    decision::ModelRecord,
    scored::{Resampling, Scored},
};

/// Compute classification metrics with 95 % bootstrap confidence intervals.
#[derive(Subcommand)]
pub enum Command {
    /// Print the metrics of a file of predictions, by subgroups too
    #[command(after_help = "Examples:
  ff-eval score --predictions runs/finetune/kept.val.safetensors --task multiclass
  ff-eval score --predictions test.safetensors --task multilabel --metric auroc --json
  ff-eval score --predictions external.csv --model soup.safetensors --by sex,age")]
    Score(ScoreOptions),
    /// Compare two models' predictions of the same images
    #[command(after_help = "Both models are evaluated on the same bootstrap resamples of the images, or of \
the patients where these are known.

Examples:
  ff-eval compare best-single.safetensors soup.safetensors
  ff-eval compare a.csv b.csv --metric auroc --json")]
    Compare(Compare),
    /// Print what methods gain over a baseline, over datasets, networks and seeds
    #[command(
        after_help = "An interval resamples the datasets, the seeds of each, and its images or patients, \
which are the same for all seeds. A row that a table marks as delivered or recommended is also compared under that name.

Examples:
  ff-eval gains runs/tables/cells-seed*/predictions.csv --baseline 'GS (best)'
  ff-eval gains runs/tables/*/predictions.csv --baseline Baseline --metric auroc --json"
    )]
    Gains(Gains),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Score(options) => score::score(&options),
            Self::Compare(options) => compare::compare(&options),
            Self::Gains(options) => gains::gains(&options),
        }
    }
}
