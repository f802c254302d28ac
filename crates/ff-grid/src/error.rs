//! Errors of planning and running a table.

use std::path::{Path, PathBuf};

/// An error of planning or running a table, which names the key, the file or the job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not valid.
    #[error("{0}")]
    Config(String),
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What failed, with a hint where there is one.
        reason: String,
    },
    /// A job cannot run, for example because a result that it needs is missing.
    #[error("{0}")]
    Job(String),
    /// A command of a cluster's scheduler failed.
    #[error("{0}")]
    Scheduler(String),
    /// Weights could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ff_checkpoint::Error),
    /// Images could not be read or split.
    #[error(transparent)]
    Data(#[from] ff_data::Error),
    /// A model could not be built.
    #[error(transparent)]
    Model(#[from] ff_models::Error),
    /// Predictions are not of the same samples.
    #[error(transparent)]
    Eval(#[from] ff_eval::Error),
    /// Training or prediction failed.
    #[error(transparent)]
    Train(#[from] ff_train::Error),
    /// In-model merging does not fit the network.
    #[error(transparent)]
    InMerge(#[from] ff_inmerge::Error),
    /// A soup could not be made.
    #[error(transparent)]
    Soup(#[from] ff_soup::Error),
}

impl Error {
    /// Wraps an operating system's error on a file or folder.
    pub(crate) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path: path.clone(), reason: error.to_string() }
    }

    /// Adds to the error of an unreadable image that such images can be left out.
    pub(crate) fn hint_at_skipping(self) -> Self {
        match self {
            Self::Train(ff_train::Error::Data(ff_data::Error::Image(mut problem))) => {
                let skip = "leave out unreadable images with --on-bad-image skip";
                let hint = problem.hint.map_or(skip.to_owned(), |hint| format!("{hint}; or {skip}"));
                problem.hint = Some(hint);
                Self::Train(ff_train::Error::Data(ff_data::Error::Image(problem)))
            }
            other => other,
        }
    }

    /// Returns true if the work was cancelled and nothing else failed.
    pub fn is_stop(&self) -> bool {
        match self {
            Self::Train(ff_train::Error::Stopped) => true,
            Self::Soup(ff_soup::Error::Score { source, .. }) => {
                matches!(source.downcast_ref(), Some(ff_train::Error::Stopped))
                    || source.downcast_ref::<Self>().is_some_and(Self::is_stop)
            }
            _ => false,
        }
    }
}
