//! Helpers of the fuzz targets.

use std::path::{Path, PathBuf};

/// Writes bytes to a file in memory, and returns its path. Each call overwrites the file.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
    let path = folder.join(format!("ff-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).expect("a writable folder");
    path
}
