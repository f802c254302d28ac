//! Errors of reading and writing weight files and sealed JSON.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// An error of a weight file or a JSON file: names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation of the operating system failed.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operation, such as `open this file`.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not a well-formed safetensors file.
    #[error("{path}: not a valid safetensors file: {reason}\nhint: download or copy it again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is not one of weights, or one whose weights cannot be read.
    #[error("{path}: expected weights, found {found}\nhint: {hint}")]
    NotWeights {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What to do.
        hint: String,
    },
    /// The file is not JSON, or JSON of another form.
    #[error("{path}: damaged, or not JSON of the expected form: {reason}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The content differs from what was written.
    #[error(
        "{path}: damaged: expected content with digest {expected}, found {found}\nhint: restore the file from a copy, or delete it and create it again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest in the file's metadata.
        expected: Digest,
        /// The digest of the current content.
        found: Digest,
    },
    /// The file is intact, but not the one that a record names.
    #[error(
        "{path}: not the file that was recorded: expected content with digest {expected}, found {found}\nhint: restore the file from a copy, or delete it and create it again"
    )]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The digest in the record.
        expected: Digest,
        /// The digest of the file that was found.
        found: Digest,
    },
    /// A block of the tensors' data differs from what was written.
    #[error(
        "{path}: damaged: block {block} of its data, in {tensors}: expected checksum {expected:08x}, found {found:08x}\nhint: restore the file from a copy, or delete it and create it again"
    )]
    DamagedBlock {
        /// The file.
        path: PathBuf,
        /// The expected digest of the content, from the file's intact metadata.
        digest: Digest,
        /// The first block that differs, counted from 0.
        block: usize,
        /// The tensors that the block has bytes of, such as `` `a` to `c` ``.
        tensors: String,
        /// The block's checksum in the file's metadata.
        expected: u32,
        /// The block's current checksum.
        found: u32,
    },
    /// The header differs from what was written: names, types and shapes of tensors, digest,
    /// checksums or provenance.
    #[error(
        "{path}: damaged: expected a header with digest {expected}, found {found}\nhint: restore the file from a copy, or delete it and create it again"
    )]
    DamagedHeader {
        /// The file.
        path: PathBuf,
        /// The digest of the header that is recorded in it.
        expected: Digest,
        /// The digest of the current header.
        found: Digest,
    },
    /// The file has no provenance, as files from other software.
    #[error(
        "{path}: expected provenance in its metadata, found none\nhint: name a file of weights that this software wrote"
    )]
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

    pub(crate) fn not_weights(path: &Path, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::NotWeights { path: path.to_owned(), found: found.into(), hint: hint.into() }
    }

    pub(crate) fn json(path: &Path, reason: impl ToString) -> Self {
        Self::Json { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn malformed(path: &Path, reason: impl ToString) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.to_string() }
    }
}
