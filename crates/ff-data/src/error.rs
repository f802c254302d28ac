//! What can go wrong between a folder of images and a batch.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// A failure of this crate. Its text names the file (and row), what was expected, what was found
/// and, where it can, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be written.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or the encoder said.
        reason: String,
    },
    /// A picture is corrupt, of an unsupported form, or too large.
    #[error("{0}")]
    Image(Problem),
    /// A dataset on disk, or a configuration of one, is not what it should be.
    #[error("{0}")]
    Dataset(Problem),
    /// A division into training, validation and test sets cannot be made as asked.
    #[error("{0}")]
    Split(Problem),
    /// A loader thread could not start, panicked or hangs.
    #[error("loader: {0}")]
    Loader(String),
}

/// Where something is wrong, what should be there, and what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with the row where there is one.
    pub place: String,
    /// What was expected there.
    pub expected: String,
    /// What was found instead.
    pub found: String,
    /// What to do about it.
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
    /// A picture that is not what it should be.
    pub fn image(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Image(Problem::new(place, expected, found))
    }

    /// A dataset that is not what it should be.
    pub fn dataset(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Dataset(Problem::new(place, expected, found))
    }

    /// A downloaded file that is not what its authors publish.
    pub(crate) fn damaged(place: impl ToString, expected: &str, found: impl Into<String>) -> Self {
        Self::dataset(place, expected, found).hint("download it again: the file is incomplete or changed")
    }

    /// A division that cannot be made; `place` is the rule or the file.
    pub fn split(place: impl ToString, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Split(Problem::new(place, expected, found))
    }

    /// The same error with advice; errors of the system and of threads have none and stay as they
    /// are.
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

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_place_expectation_finding_and_hint() {
        let error = Error::dataset("a.csv row 3", "0, 1 or blank", "`x`").hint("fix the cell");
        assert_eq!(error.to_string(), "a.csv row 3: expected 0, 1 or blank, found `x`\nhint: fix the cell");
    }
}
