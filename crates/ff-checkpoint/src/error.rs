//! What can go wrong with a file of weights.

use std::io;
use std::path::{Path, PathBuf};

use crate::Digest;

/// An error that names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done to it.
        action: &'static str,
        /// The system's own word.
        source: io::Error,
    },
    /// Not a well-formed safetensors file.
    #[error("{path}: not a valid safetensors file: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Not the JSON that it should be.
    #[error("{path}: damaged, or not what its name says: {reason}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The content is not what was written.
    #[error(
        "{path}: damaged: its content has digest {found}, {expected} was recorded when it was written\nhint: restore the file from a copy, or remove it and make it again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest in the file's metadata.
        expected: Digest,
        /// The digest of the content as it is now.
        found: Digest,
    },
    /// The file carries no provenance.
    #[error("{path}: carries no provenance, so it was not written by this software")]
    NoProvenance {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn json(path: &Path, reason: impl ToString) -> Self {
        Self::Json { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn malformed(path: &Path, reason: impl ToString) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.to_string() }
    }
}
