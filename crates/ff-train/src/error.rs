//! Errors of training and prediction.

use std::path::PathBuf;

/// An error of training or prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration that is not allowed.
    #[error("{0}")]
    Config(String),
    /// No readable image among those named.
    #[error("expected at least one readable image, found none among the images {0}")]
    NoImages(String),
    /// The work was asked to stop ([`CancelToken`](crate::CancelToken)) before it was done.
    #[error("interrupted before it was done")]
    Stopped,
    /// Statistics of a model that are not finite: its weights are damaged, or its run diverged.
    #[error("{what}: expected finite values, found an infinity or NaN\nhint: leave out this model")]
    NotFinite {
        /// The statistics, with the name of the weight.
        what: String,
    },
    /// Weights whose file does not say what a use of them needs, or says something else.
    #[error("{file}: expected {expected}, found {found}\nhint: {hint}")]
    Unrecorded {
        /// The file.
        file: String,
        /// What is needed.
        expected: String,
        /// What the file, or the caller, says.
        found: String,
        /// What to do.
        hint: String,
    },
    /// An optimizer state that does not fit the optimizer.
    #[error("{}: the optimizer state does not fit: {reason}", path.as_deref().unwrap_or(std::path::Path::new("(in memory)")).display())]
    OptimizerState {
        /// The file.
        path: Option<PathBuf>,
        /// What differs.
        reason: String,
    },
    /// A resume point of another run.
    #[error(
        "{path}: this resume point belongs to another run ({reason})\nhint: use another folder, or remove the file to start over"
    )]
    Resume {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A file that cannot be read or written, or has the wrong content.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// libtorch failed: out of memory, for example.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// Weights could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ff_checkpoint::Error),
    /// Images could not be read.
    #[error(transparent)]
    Data(#[from] ff_data::Error),
    /// Predictions are invalid.
    #[error(transparent)]
    Eval(#[from] ff_eval::Error),
    /// The model cannot be built, or weights do not fit it.
    #[error(transparent)]
    Model(#[from] ff_models::Error),
}
