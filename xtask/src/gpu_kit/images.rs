//! A few of the user's images, from every class folder in turn.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Largest size of all images in bytes.
const LARGEST: u64 = 20_000_000;

/// Endings of the files that are images.
const ENDINGS: [&str; 7] = ["bmp", "dcm", "jpeg", "jpg", "png", "tif", "tiff"];

/// Copies images to `to` with the folders that they are in, as long as they have at most 20 MB and
/// `room` bytes. Returns their size.
pub fn copy(from: &Path, to: &Path, room: u64) -> Result<u64> {
    let mut folders = BTreeMap::new();
    find(from, &mut folders)?;
    if folders.is_empty() {
        bail!("--images {}: expected class folders of images, found no image", from.display());
    }
    let room = room.min(LARGEST);
    let (mut bytes, mut copied) = (0, 0);
    while !folders.is_empty() {
        for files in folders.values_mut() {
            let Some(file) = files.pop_front() else { continue };
            let size = file.metadata().with_context(|| file.display().to_string())?.len();
            if bytes + size > room {
                files.clear();
                continue;
            }
            let copy = to.join(file.strip_prefix(from)?);
            fs::create_dir_all(copy.parent().unwrap_or(to))?;
            fs::copy(&file, &copy).with_context(|| file.display().to_string())?;
            bytes += size;
            copied += 1;
        }
        folders.retain(|_, files| !files.is_empty());
    }
    if copied == 0 {
        bail!("--images {}: no image fits into {room} bytes", from.display());
    }
    Ok(bytes)
}

/// Finds the images below a folder, by folder and in order of their names.
fn find(folder: &Path, found: &mut BTreeMap<PathBuf, VecDeque<PathBuf>>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if path.is_dir() {
            find(&path, found)?;
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            found.entry(folder.to_owned()).or_default().push_back(path);
        }
    }
    Ok(())
}
