//! The files of an upload.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::local_file::LocalFile;
use super::table;
use crate::hub::repository::Repository;

/// Returns the files of a command line, by their names in the repository: those of a table's folder
/// as [`table::files`] has them, those of another folder by their paths in it, and others by their
/// own names.
///
/// # Errors
/// There are none, two have the same name, or one is refused.
pub fn collect(paths: &[PathBuf], repository: &Repository) -> anyhow::Result<Vec<LocalFile>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(LocalFile::open(utf8(path, path.file_name())?, path.clone())?);
        } else if table::is_one(path) {
            files.extend(table::files(path, repository)?);
        } else {
            walk(path, "", &mut files)?;
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some([one, other]) = files.windows(2).find(|pair| pair[0].name == pair[1].name) {
        bail!(
            "{} and {}: both would be `{}` in the repository\nhint: upload one of them",
            one.path.display(),
            other.path.display(),
            one.name
        );
    }
    if files.is_empty() {
        let folders: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("{}: expected files to upload, found none", folders.join(", "));
    }
    Ok(files)
}

/// Adds the files below a folder. Links are refused: they may lead out of it.
fn walk(folder: &Path, above: &str, files: &mut Vec<LocalFile>) -> anyhow::Result<()> {
    let cannot = || format!("{}: cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        let kind = entry.file_type().with_context(cannot)?;
        let name = format!("{above}{}", utf8(&path, path.file_name())?);
        if kind.is_dir() && !name.contains("/.") && !name.starts_with('.') {
            walk(&path, &format!("{name}/"), files)?;
        } else if kind.is_symlink() {
            bail!(
                "{}: expected a regular file, found a link\n\
                 hint: name the files to upload one by one; a link that is named is followed",
                path.display()
            );
        } else {
            files.push(LocalFile::open(name, path)?);
        }
    }
    Ok(())
}

fn utf8(path: &Path, name: Option<&OsStr>) -> anyhow::Result<String> {
    let name = name.and_then(OsStr::to_str);
    Ok(name.with_context(|| format!("{}: expected a name in UTF-8", path.display()))?.to_owned())
}
