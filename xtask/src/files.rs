//! Files that other processes may read meanwhile, and what is in a folder.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file so that a reader, of another process too, finds the old text or the new one.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let written = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        // What the umask leaves of it, as for other files.
        let mode = Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)
    };
    written().map(drop).with_context(|| path.display().to_string())
}

/// The names of the folders in a folder, sorted.
pub fn folders(path: &Path) -> Result<Vec<String>> {
    listed(path, |entry| entry.is_dir())
}

/// The names of the files in a folder, sorted.
pub fn files(path: &Path) -> Result<Vec<String>> {
    listed(path, |entry| entry.is_file())
}

fn listed(path: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file name that is not UTF-8")?;
        if !name.starts_with('.') && wanted(&entry.path()) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.md");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(files(folder.path()).unwrap(), ["page.md"]);
        // Others may read it, as a file that is created the usual way.
        let usual = folder.path().join("usual");
        fs::write(&usual, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&usual));
    }
}
