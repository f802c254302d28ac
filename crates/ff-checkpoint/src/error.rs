//! What can go wrong with a file of weights.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

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
    /// An intact file, but not the one that a record names.
    #[error(
        "{path}: not the file that was recorded: its content has digest {found}, the record has {expected}\nhint: restore the file from a copy, or remove it and make it again"
    )]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The digest in the record.
        expected: Digest,
        /// The digest of the file that was found.
        found: Digest,
    },
    /// A block of the tensors' data is not what was written.
    #[error(
        "{path}: damaged: block {block} of its data, in {tensors}, has checksum {found:08x}, {expected:08x} was recorded when it was written\nhint: restore the file from a copy, or remove it and make it again"
    )]
    DamagedBlock {
        /// The file.
        path: PathBuf,
        /// The digest in the file's metadata, which are intact: what the content should be.
        digest: Digest,
        /// The first block that differs, from 0.
        block: usize,
        /// The tensors that the block has bytes of, in words.
        tensors: String,
        /// The block's checksum in the file's metadata.
        expected: u32,
        /// The block's checksum as it is now.
        found: u32,
    },
    /// The header (names, types and shapes of tensors, digest, checksums, provenance) is not what
    /// was written.
    #[error(
        "{path}: damaged: its header has digest {found}, {expected} was recorded when it was written\nhint: restore the file from a copy, or remove it and make it again"
    )]
    DamagedHeader {
        /// The file.
        path: PathBuf,
        /// The digest of the header, as recorded in it.
        expected: Digest,
        /// The digest of the header as it is now.
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
