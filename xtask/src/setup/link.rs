//! The link through which every build finds libtorch.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Points the link at `target` in one step, so that a concurrent build sees the old or the new one.
pub fn point(link: &Path, target: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|current| current == target) {
        return Ok(());
    }
    if link.is_dir() && !link.is_symlink() {
        bail!("{}: expected a link, found a folder\nhint: move it away", link.display());
    }
    let new = PathBuf::from(format!("{}.new-{}", link.display(), std::process::id()));
    let made = symlink(target, &new).and_then(|()| fs::rename(&new, link)).and_then(|()| sync_parent(link));
    made.with_context(|| format!("{} could not be linked to {}", link.display(), target.display()))
}

/// Makes a rename in the folder of `path` survive a power cut.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}
