//! A file that is not whole yet.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// `<file>.part`: kept when a download stops, so that the next goes on from there.
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    /// Bytes that are there
    pub(super) length: u64,
    file: File,
}

impl PartialFile {
    /// The one that was left, or an empty one.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let cannot = || format!("{}: cannot be written", path.display());
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(&path).with_context(cannot)?;
        // Two writers would mix their bytes. Where the file system knows no locks, the checksum
        // tells.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            bail!("{}: another process is downloading this file\nhint: let it finish", path.display());
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
                 hint: with enough space on the disk, run the same command again to go on from there",
                self.path.display(),
                self.length
            )
        })?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets its bytes.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        if self.length > 0 {
            let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
            emptied.with_context(|| format!("{}: cannot be emptied", self.path.display()))?;
            self.length = 0;
        }
        Ok(())
    }

    /// Removes it.
    pub(super) fn discard(&self) -> anyhow::Result<()> {
        let removed = std::fs::remove_file(&self.path);
        removed.with_context(|| format!("{}: cannot be removed", self.path.display()))
    }

    /// Gives it the name of the whole file, once its bytes are on the disk.
    pub(super) fn finish(self, path: &Path) -> anyhow::Result<()> {
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, path));
        named.with_context(|| format!("{}: cannot be written", path.display()))?;
        // Not every file system lets a folder be synced; the file itself is safe.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}
