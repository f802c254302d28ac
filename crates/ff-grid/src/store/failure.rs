//! The note of a job's failure, for those who look at a runs folder after the process has ended.

use std::path::Path;

use ff_checkpoint::{read_sealed, write_sealed};
use serde::{Deserialize, Serialize};

use super::result_files::remove_file;

/// The note's name in a job's folder.
const FILE: &str = "failure.json";

/// The content of `failure.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureNote {
    /// The error.
    why: String,
}

/// Returns the error that a job's last attempt ended with, if it failed.
pub(crate) fn failure_of(folder: &Path) -> Option<String> {
    read_sealed::<FailureNote>(&folder.join(FILE)).ok().map(|note| note.why)
}

/// Notes the error that a job ended with. A note that cannot be written is left out: most likely the
/// job failed for the same reason, such as a full disk.
pub(crate) fn note_failure(folder: &Path, why: &str) {
    if let Err(error) = write_sealed(&folder.join(FILE), &FailureNote { why: why.to_owned() }) {
        tracing::debug!(%error, "the failure is not noted");
    }
}

/// Removes the note of an earlier attempt.
pub(crate) fn forget_failure(folder: &Path) {
    if let Err(error) = remove_file(&folder.join(FILE)) {
        tracing::debug!(%error, "the note of a failure is not removed");
    }
}
