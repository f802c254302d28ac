//! What can fail in training and prediction.

use std::path::PathBuf;

/// An error of training or prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration that makes no sense.
    #[error("{0}")]
    Config(String),
    /// Nothing to train or evaluate on.
    #[error("no image could be read: {0}")]
    NoImages(String),
    /// The work was asked to stop ([`CancelToken`](crate::CancelToken)) before it was done.
    #[error("stopped before it was done")]
    Stopped,
    /// A saved optimizer that does not fit.
    #[error("{}: this optimizer state does not fit: {reason}", path.as_deref().unwrap_or(std::path::Path::new("(in memory)")).display())]
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
    /// A file that is not what its name says.
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
    /// Predictions make no sense.
    #[error(transparent)]
    Eval(#[from] ff_eval::Error),
    /// The model refused its weights.
    #[error(transparent)]
    Model(#[from] ff_models::Error),
}
