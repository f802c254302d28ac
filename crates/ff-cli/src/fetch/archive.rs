//! Unpacks a downloaded archive.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

/// More than any archive of ours holds: CIFAR's are below 200 MB in 10 files.
const MOST_BYTES: u64 = 1 << 30;
const MOST_ENTRIES: usize = 1000;

/// Unpacks the one folder that a `.tar.gz` holds to `parent/folder`, which is there afterwards as a
/// whole or not at all.
///
/// # Errors
/// A folder that is there; an archive that is damaged, too large, or holds anything but plain files
/// and folders below the one named.
pub fn unpack(archive: &Path, parent: &Path, folder: &str) -> anyhow::Result<PathBuf> {
    let target = parent.join(folder);
    if target.exists() {
        bail!("{}: is there already\nhint: remove it to unpack anew", target.display());
    }
    let file = File::open(archive).with_context(|| format!("{}: cannot be read", archive.display()))?;
    // Beside the target, since a folder can only be renamed within one file system. Removed when
    // dropped.
    let temporary = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent);
    let temporary = temporary.with_context(|| format!("{}: cannot make a folder in it", parent.display()))?;
    write_entries(GzDecoder::new(file), temporary.path(), folder)
        .with_context(|| format!("{}: cannot be unpacked", archive.display()))?;
    let made = temporary.path().join(folder);
    if !made.is_dir() {
        bail!("{}: expected a folder `{folder}` in it, found none", archive.display());
    }
    std::fs::rename(&made, &target).with_context(|| format!("{}: cannot be made", target.display()))?;
    Ok(target)
}

fn write_entries(tar: impl Read, parent: &Path, folder: &str) -> anyhow::Result<()> {
    // Names and headers are read into memory, so the stream is bounded too, not only the files.
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
            std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be made", path.display()))
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

/// A name that stays below the folder.
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
    // New, so that no entry writes over another.
    let mut file = File::create_new(path)?;
    let found = std::io::copy(entry, &mut file)?;
    if found != expected {
        bail!("expected {expected} bytes, found {found}");
    }
    Ok(file.sync_all()?)
}
