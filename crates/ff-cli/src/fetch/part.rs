//! A partly downloaded file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A file that is kept when a download is interrupted, so that the next one resumes.
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    /// Number of bytes that have arrived.
    pub(super) length: u64,
    file: File,
}

impl PartialFile {
    /// Opens the partial file of an interrupted download, or creates an empty one.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let cannot = || format!("{}: cannot be written", path.display());
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(&path).with_context(cannot)?;
        // Two writers would corrupt the file. On a file system without locks, the checksum detects
        // it.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            bail!(
                "{}: another process is downloading this file\nhint: wait for it to finish",
                path.display()
            );
        }
        let length = file.metadata().with_context(cannot)?.len();
        file.seek(SeekFrom::Start(length)).with_context(cannot)?;
        Ok(Self { path, length, file })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = self.file.write_all(bytes);
        written.with_context(|| {
            format!(
                "{}: cannot be written after {} bytes, which are kept\n\
                 hint: free disk space, then run the same command again to resume",
                self.path.display(),
                self.length
            )
        })?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Empties the file.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        if self.length > 0 {
            let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
            emptied.with_context(|| format!("{}: cannot be emptied", self.path.display()))?;
            self.length = 0;
        }
        Ok(())
    }

    /// Removes the file.
    pub(super) fn discard(&self) -> anyhow::Result<()> {
        let removed = std::fs::remove_file(&self.path);
        removed.with_context(|| format!("{}: cannot be removed", self.path.display()))
    }

    /// Syncs the file and renames it to its final name.
    pub(super) fn finish(self, path: &Path) -> anyhow::Result<()> {
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, path));
        named.with_context(|| format!("{}: cannot be written", path.display()))?;
        // Not every file system can sync a folder. The file itself is synced.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}
