//! The list of a table's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a table's folder holds: the BLAKE3 hash of every file, by its path in the folder. It lets
/// the doctor find what is damaged.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultFiles {
    pub files: BTreeMap<PathBuf, String>,
}

impl ResultFiles {
    /// Its file's name.
    pub const NAME: &str = "files.json";
}

/// The BLAKE3 hash of a file's bytes, hexadecimal.
pub(crate) fn file_hash(path: &Path) -> Result<String, Error> {
    let hash = || Ok(blake3::Hasher::new().update_reader(std::fs::File::open(path)?)?.finalize());
    hash().map(|hash| hash.to_hex().to_string()).map_err(Error::file(path))
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
