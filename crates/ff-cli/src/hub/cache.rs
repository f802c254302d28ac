//! A repository's folder in the hub's cache, in the layout of its Python library.
//!
//! ```text
//! models--OWNER--NAME/blobs/ETAG                      a file
//! models--OWNER--NAME/blobs/ETAG.incomplete           the part of it that has arrived
//! models--OWNER--NAME/snapshots/COMMIT/FILE           a link to it
//! models--OWNER--NAME/refs/REVISION                   the commit of a branch or a tag
//! .locks/models--OWNER--NAME/ETAG.lock                locked by whoever downloads it
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use ff_checkpoint::{MODEL_FILES, write_atomic};
use tracing::info;

use super::repository::Repository;

/// A repository's folder at a revision.
pub struct Cache {
    folder: PathBuf,
    locks: PathBuf,
    revision: String,
}

impl Cache {
    /// Returns the folder of a repository in a cache. It may not exist.
    pub fn new(cache: &Path, repository: &Repository) -> Self {
        let name = format!("models--{}", repository.id.replace('/', "--"));
        let revision = repository.revision.clone();
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name), revision }
    }

    /// Returns the file of weights, if it is there.
    pub fn find(&self) -> Option<PathBuf> {
        let commit = fs::read_to_string(self.folder.join("refs").join(&self.revision))
            .unwrap_or_else(|_| self.revision.clone());
        let snapshot = self.folder.join("snapshots").join(commit.trim());
        MODEL_FILES.iter().map(|name| snapshot.join(name)).find(|path| path.is_file())
    }

    /// Creates the folder of files, and returns the paths of one and of its partial file.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn create(&self, etag: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
        let blobs = self.folder.join("blobs");
        fs::create_dir_all(&blobs).map_err(|error| {
            anyhow!(
                "{}: this folder cannot be created: {error}\n\
                 hint: set HF_HUB_CACHE to a folder that you can write to",
                blobs.display()
            )
        })?;
        Ok((blobs.join(etag), blobs.join(format!("{etag}.incomplete"))))
    }

    /// Locks a file against other clients, and waits for one that downloads it.
    ///
    /// The lock only saves a second download. Without it, on a file system that has none, the
    /// checksum finds a partial file that two processes have written.
    pub fn lock(&self, etag: &str) -> Option<File> {
        fs::create_dir_all(&self.locks).ok()?;
        let path = self.locks.join(format!("{etag}.lock"));
        let file = OpenOptions::new().create(true).append(true).open(&path).ok()?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            info!("{}: waiting for another process that downloads this file", self.folder.display());
            file.lock().ok()?;
        }
        Some(file)
    }

    /// Enters a downloaded file under its name and its commit, and returns its path.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn enter(&self, etag: &str, commit: &str, name: &str) -> anyhow::Result<PathBuf> {
        let snapshot = self.folder.join("snapshots").join(commit);
        let path = snapshot.join(name);
        let link = || -> std::io::Result<()> {
            fs::create_dir_all(&snapshot)?;
            // A link to a file that was deleted.
            let _ = fs::remove_file(&path);
            let linked = symlink(Path::new("../../blobs").join(etag), &path);
            // Some file systems have no links. Where locks have no effect, another process may have
            // linked it.
            if linked.is_ok() || path.is_file() {
                return Ok(());
            }
            fs::rename(self.folder.join("blobs").join(etag), &path)
        };
        if !path.is_file() {
            link().with_context(|| format!("{}: cannot be written", path.display()))?;
        }
        if self.revision != commit {
            let reference = self.folder.join("refs").join(&self.revision);
            write_atomic(&reference, |file| file.write_all(commit.as_bytes()))?;
        }
        Ok(path)
    }
}
