//! The claim of a selection on the folder of its table.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::lock::Lock;

/// The file in a table's folder that names the output of the table, and is locked.
const OUTPUT: &str = "output";

/// Claims a table's folder for an output, until the lock that is returned is dropped.
///
/// # Errors
/// Another process uses the folder, or it cannot be written.
pub(super) fn claim(folder: &Path, output: &Path) -> anyhow::Result<Lock> {
    let path = folder.join(OUTPUT);
    let cannot = || format!("{}: cannot be written", path.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let opened = File::options().write(true).create(true).truncate(false).open(&path);
    let Some(lock) = Lock::of(opened.with_context(cannot)?) else {
        bail!(
            "{}: expected no other process that selects, found one\n\
             hint: give the file of --output another name, or another runs folder with --runs",
            folder.display()
        );
    };
    let mut file: &File = &lock;
    let own = std::path::absolute(output)?.display().to_string();
    file.set_len(0).and_then(|()| file.write_all(own.as_bytes())).with_context(cannot)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_of_one_process() {
        let place = tempfile::tempdir().unwrap();
        let (folder, output) = (place.path().join("tables/soup"), place.path().join("soup.safetensors"));
        let first = claim(&folder, &output).unwrap();
        let error = claim(&folder, &output).unwrap_err().to_string();
        assert!(error.contains("soup: expected no other process that selects"), "{error}");
        drop(first);
        drop(claim(&folder, &output).unwrap());
        let named = std::fs::read_to_string(folder.join(OUTPUT)).unwrap();
        assert_eq!(named, output.display().to_string());
    }
}
