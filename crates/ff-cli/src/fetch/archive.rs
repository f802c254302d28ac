//! Unpacks downloaded archives.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

// Limits against damaged or hostile archives. CIFAR's are below 200 MB in 10 files.
const MOST_BYTES: u64 = 1 << 30;
const MOST_ENTRIES: usize = 1000;

/// Unpacks the single folder in a `.tar.gz` to `parent/folder`, and returns that path.
///
/// The folder appears complete or not.
///
/// # Errors
/// The folder exists already. The archive is damaged, too large, or has anything but plain files
/// and folders below `folder`.
pub fn unpack(archive: &Path, parent: &Path, folder: &str) -> anyhow::Result<PathBuf> {
    let target = parent.join(folder);
    if target.exists() {
        bail!("{}: already exists\nhint: remove it to unpack the archive again", target.display());
    }
    let file = File::open(archive).with_context(|| format!("{}: cannot be read", archive.display()))?;
    // In the target's parent, since a folder can only be renamed within one file system. Dropping
    // it removes it.
    let temporary = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent);
    let temporary =
        temporary.with_context(|| format!("{}: cannot create a folder in it", parent.display()))?;
    write_entries(GzDecoder::new(file), temporary.path(), folder)
        .with_context(|| format!("{}: cannot be unpacked", archive.display()))?;
    let made = temporary.path().join(folder);
    if !made.is_dir() {
        bail!("{}: expected a folder `{folder}` in it, found none", archive.display());
    }
    std::fs::rename(&made, &target).with_context(|| format!("{}: cannot be created", target.display()))?;
    Ok(target)
}

fn write_entries(tar: impl Read, parent: &Path, folder: &str) -> anyhow::Result<()> {
    // Names and headers are read into memory, so the limit is on the stream too, not only on files.
    let mut archive = Archive::new(tar.take(MOST_BYTES + (16 << 20)));
    let mut bytes = 0_u64;
    for (number, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        if number >= MOST_ENTRIES {
            bail!("expected at most {MOST_ENTRIES} entries, found more");
        }
        let path = parent.join(inside(&name, folder)?);
        let folder_of = |path: &Path| -> anyhow::Result<()> {
            std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be created", path.display()))
        };
        match entry.header().entry_type() {
            EntryType::Directory => folder_of(&path)?,
            EntryType::Regular => {
                bytes = bytes.saturating_add(entry.size());
                if bytes > MOST_BYTES {
                    bail!(
                        "expected at most {MOST_BYTES} bytes of files, found {bytes} up to {}",
                        name.display()
                    );
                }
                path.parent().map_or(Ok(()), folder_of)?;
                write_file(&mut entry, &path).with_context(|| format!("{}", name.display()))?;
            }
            kind => bail!("{}: expected plain files and folders, found {kind:?}", name.display()),
        }
    }
    Ok(())
}

/// Returns an entry's path, which must be below the folder.
fn inside(name: &Path, folder: &str) -> anyhow::Result<PathBuf> {
    let parts: Vec<_> = name.components().filter(|part| *part != Component::CurDir).collect();
    let plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
    if !plain || parts.first().is_none_or(|first| first.as_os_str() != folder) {
        bail!("{}: expected files below `{folder}` only", name.display());
    }
    Ok(parts.iter().collect())
}

fn write_file(entry: &mut tar::Entry<'_, impl Read>, path: &Path) -> anyhow::Result<()> {
    let expected = entry.size();
    // `create_new`, so that no entry overwrites another.
    let mut file = File::create_new(path)?;
    let found = std::io::copy(entry, &mut file)?;
    if found != expected {
        bail!("expected {expected} bytes, found {found}");
    }
    Ok(file.sync_all()?)
}
