//! Files in the hub's cache that are named by their content.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ff_checkpoint::write_atomic;

use crate::fetch::Checksum;

/// A file in the hub's cache whose name is its SHA-256. Files in Git LFS, as weights are, have such
/// names.
pub struct Blob {
    path: PathBuf,
    /// The checksum that its content must have.
    pub sha256: Checksum,
}

impl Blob {
    /// Returns the blob that a path is or links to. `None` for other files: those outside of a cache,
    /// small ones, and all where the file system of the cache has no links.
    pub fn at(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let is_in_cache = path.parent().is_some_and(|folder| folder.ends_with("blobs"));
        let sha256 = Checksum::sha256(path.file_name()?.to_str()?).filter(|_| is_in_cache)?;
        Some(Self { path, sha256 })
    }

    /// Checks the content, if there is no note that it was checked at its length and modification time.
    /// Other programs write to the cache too, and hashing a file takes as long as a second. The note is
    /// written to the folder `notes`, if one is given: the cache is not this program's.
    ///
    /// # Errors
    /// The content has another SHA-256, or cannot be read.
    pub fn check(&self, notes: Option<&Path>) -> anyhow::Result<()> {
        let stamp = self.stamp().with_context(|| format!("{}: cannot be read", self.path.display()))?;
        let note = notes.and_then(|folder| Some(folder.join(self.path.file_name()?)));
        if note.as_ref().is_some_and(|note| fs::read_to_string(note).is_ok_and(|noted| noted == stamp)) {
            return Ok(());
        }
        if let Some(mismatch) = self.sha256.mismatch(&self.path)? {
            bail!(
                "{}: {mismatch}\nhint: the file is damaged: delete it, and the next run downloads it again",
                self.path.display()
            );
        }
        if let Some(note) = note
            && let Err(error) = write_atomic(&note, |file| file.write_all(stamp.as_bytes()))
        {
            tracing::warn!("{error}; the file in the hub's cache will be checked again");
        }
        Ok(())
    }

    fn stamp(&self) -> std::io::Result<String> {
        let known = self.path.metadata()?;
        let modified = format!("{}.{:09}", known.mtime(), known.mtime_nsec());
        Ok(format!("{} {modified} {}\n", known.len(), self.path.display()))
    }
}
