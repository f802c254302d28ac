//! Errors of reading, decoding, splitting and loading images.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// An error of this crate. Its text names the file (and row), what was expected, what was found
/// and, where possible, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An image could not be written.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system or of the encoder.
        reason: String,
    },
    /// An image is corrupt, of an unsupported form, or too large.
    #[error("{0}")]
    Image(Problem),
    /// A dataset on disk, or its configuration, is invalid.
    #[error("{0}")]
    Dataset(Problem),
    /// A dataset cannot be split into train, val and test as configured.
    #[error("{0}")]
    Split(Problem),
    /// A loader thread panicked or hangs, or no image of an epoch can be read.
    #[error("loader: {0}")]
    Loader(String),
}

/// The place of an error, with what was expected and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with the row if it is a table.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.place, self.expected, self.found)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// An error about an image.
    pub fn image(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Image(Problem::new(place, expected, found))
    }

    /// An error about a dataset or its configuration.
    pub fn dataset(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Dataset(Problem::new(place, expected, found))
    }

    /// An error about a downloaded file that differs from what its authors publish.
    pub(crate) fn damaged(place: impl ToString, expected: &str, found: impl Into<String>) -> Self {
        Self::dataset(place, expected, found).hint("download it again: the file is incomplete or changed")
    }

    /// An error about a split; `place` is the rule or the file.
    pub fn split(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Split(Problem::new(place, expected, found))
    }

    /// Adds a hint. Errors of the system and of threads have no hint and stay unchanged.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Image(problem) | Self::Dataset(problem) | Self::Split(problem) = &mut self {
            problem.hint = Some(hint.into());
        }
        self
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}

impl Problem {
    fn new(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { place: place.to_string(), expected: expected.into(), found: found.into(), hint: None }
    }
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_place_expected_found_and_hint() {
        let error = Error::dataset("a.csv row 3", "0, 1 or blank", "`x`").hint("fix the cell");
        assert_eq!(error.to_string(), "a.csv row 3: expected 0, 1 or blank, found `x`\nhint: fix the cell");
    }
}
