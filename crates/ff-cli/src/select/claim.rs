//! The claim of an output on the folder of its table.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::lock::Lock;

/// The file in a table's folder that names the output of the table.
const OUTPUT: &str = "output";

/// Claims a table's folder for an output, until the lock that is returned is dropped. The table of an
/// earlier selection with the same output may be replaced.
///
/// # Errors
/// The folder has a table of something else, another process uses it, or it cannot be written.
pub(super) fn claim(folder: &Path, output: &Path) -> anyhow::Result<Lock> {
    let hint = "hint: give the file of --output another name, or another runs folder with --runs";
    let path = folder.join(OUTPUT);
    if folder.join("config.toml").exists() && !path.exists() {
        bail!("{}: expected no table, found one of a configuration\n{hint}", folder.display());
    }
    let cannot = || format!("{}: cannot be written", path.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let Some(lock) = Lock::of(opened.with_context(cannot)?) else {
        bail!("{}: expected no other process that selects, found one\n{hint}", folder.display());
    };
    let mut file: &File = &lock;
    let (mut found, own) = (String::new(), std::path::absolute(output)?.display().to_string());
    file.read_to_string(&mut found).with_context(|| format!("{}: cannot be read", path.display()))?;
    match found.as_str() {
        "" => file.write_all(own.as_bytes()).with_context(cannot)?,
        _ if found == own => {}
        _ => bail!("{}: expected no table, found that of {found}\n{hint}", folder.display()),
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_of_one_output_and_process() {
        let place = tempfile::tempdir().unwrap();
        let tables = place.path().join("tables");
        let [one, other] =
            ["a/soup.safetensors", "b/soup.safetensors"].map(|output| place.path().join(output));
        let refused =
            |folder: &str, output: &Path| claim(&tables.join(folder), output).unwrap_err().to_string();
        let first = claim(&tables.join("soup"), &one).unwrap();
        std::fs::write(tables.join("soup/config.toml"), "").unwrap();
        for output in [&one, &other] {
            let error = refused("soup", output);
            assert!(error.contains("soup: expected no other process that selects"), "{error}");
        }
        drop(first);
        let error = refused("soup", &other);
        assert!(error.contains("found that of ") && error.contains("a/soup.safetensors\nhint: "), "{error}");
        claim(&tables.join("soup"), &one).unwrap();

        std::fs::create_dir(tables.join("mine")).unwrap();
        std::fs::write(tables.join("mine/config.toml"), "").unwrap();
        let error = refused("mine", &one);
        assert!(error.contains("mine: expected no table, found one of a configuration"), "{error}");
        assert!(!tables.join("mine/output").exists());
    }
}
