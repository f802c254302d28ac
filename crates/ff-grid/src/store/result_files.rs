//! The list of a table's files (`files.json`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The BLAKE3 hash of every file of a table's folder, by its path in the folder. The doctor finds
/// damaged files by it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultFiles {
    pub files: BTreeMap<PathBuf, String>,
}

impl ResultFiles {
    /// The list's file name.
    pub const NAME: &str = "files.json";
}

/// Returns the BLAKE3 hash of a file's bytes, in hexadecimal.
pub(crate) fn file_hash(path: &Path) -> Result<String, Error> {
    let hash = || Ok(blake3::Hasher::new().update_reader(std::fs::File::open(path)?)?.finalize());
    hash().map(|hash| hash.to_hex().to_string()).map_err(Error::file(path))
}

/// Removes a file if it exists.
pub(crate) fn remove_file(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
