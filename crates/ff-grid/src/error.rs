//! Why a grid cannot be planned or run.

use std::path::{Path, PathBuf};

/// An error that names the key, the file or the job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not what it should be.
    #[error("{0}")]
    Config(String),
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// A job asks for something that another job did not leave.
    #[error("{0}")]
    Job(String),
    /// A cluster's scheduler does not do what it is asked to.
    #[error("{0}")]
    Scheduler(String),
    /// Weights could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ff_checkpoint::Error),
    /// Images could not be read or divided.
    #[error(transparent)]
    Data(#[from] ff_data::Error),
    /// A model could not be built.
    #[error(transparent)]
    Model(#[from] ff_models::Error),
    /// Training or prediction failed.
    #[error(transparent)]
    Train(#[from] ff_train::Error),
    /// A network cannot be merged so.
    #[error(transparent)]
    InMerge(#[from] ff_inmerge::Error),
    /// A soup could not be made.
    #[error(transparent)]
    Soup(#[from] ff_soup::Error),
}

impl Error {
    /// What the system says of a file or folder.
    pub(crate) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path: path.clone(), reason: error.to_string() }
    }

    /// Whether it says only that the work was asked to stop.
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
