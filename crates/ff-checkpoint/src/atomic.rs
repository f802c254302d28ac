//! Atomic file writes: a reader finds the complete file or none.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::error::Error;

const PREFIX: &str = ".";
const SUFFIX: &str = ".partial";

/// Returns true for the name of a temporary file of [`write_atomic`].
pub fn is_partial(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// Removes the temporary files that a killed process left in a folder.
///
/// No process may be writing to the folder meanwhile. A missing folder is not an error.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_partial(folder: &Path) -> Result<(), Error> {
    let mut partial = entries(folder)?.into_iter().filter(|path| is_partial(path));
    partial.try_for_each(|path| std::fs::remove_file(&path).map_err(Error::io(&path, "remove this file")))
}

/// Lists the paths in a folder, sorted; an empty list if the folder does not exist.
///
/// # Errors
/// [`Error::Io`].
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()),
    };
    let mut paths: Vec<PathBuf> = entries.map_err(Error::io(folder, "list this folder"))?;
    paths.sort_unstable();
    Ok(paths)
}

/// Writes a file atomically: after a crash of the process or the machine, a reader finds the
/// complete file or none.
///
/// The steps are: temporary file in the same folder, fsync, rename, fsync of the folder. Missing
/// parent folders are created. If writing fails, the temporary file is removed and an existing file
/// at `path` stays unchanged.
///
/// # Errors
/// [`Error::Io`].
pub fn write_atomic(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> std::io::Result<()>,
) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create this folder"))?;
    let failed = || Error::io(path, "write this file");
    let mut file =
        tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder).map_err(failed())?;
    write(&mut file).map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    make_readable(&file).map_err(failed())?;
    file.persist(path).map_err(|error| failed()(error.error))?;
    // The rename itself must reach the disk.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder, "sync this folder"))
}

/// Writes `value` as indented JSON with a closing newline, atomically ([`write_atomic`]).
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    write_atomic(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        file.write_all(b"\n")
    })
}

/// Makes a temporary file, which only its owner can read, readable by everybody, like files with
/// the usual umask.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/record.json");
        write_json(&path, &1).unwrap();
        write_json(&path, &[1, 2]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[\n  1,\n  2\n]\n");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn only_temporary_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        remove_partial(&folder.path().join("none")).unwrap();
        for name in [".abc.partial", "a.partial", ".hidden", "record.json"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        remove_partial(folder.path()).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".hidden", "a.partial", "record.json"]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_json(&path, &"old").unwrap();
        let error = write_atomic(&path, |file| {
            file.write_all(b"half")?;
            Err(std::io::Error::other("no space left"))
        });
        assert!(error.unwrap_err().to_string().contains("no space left"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\"old\"\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
