//! Reads files that anybody may have made.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file. A pipe blocks until somebody writes to it, and a device may have no end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// The file is not a regular one, has more bytes, or cannot be read.
pub fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    // The length is checked first, and may be wrong: files in /proc have the length 0.
    if file.metadata()?.len() <= limit {
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= limit {
            return Ok(bytes);
        }
    }
    Err(io::Error::other(format!("more than {limit} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_are_read_up_to_the_limit() {
        let error = |path: &Path| read_small(path, 2).unwrap_err().to_string();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read_small(&path, 3).unwrap(), b"abc");
        assert_eq!(error(&path), "more than 2 bytes");
        assert_eq!(error(folder.path()), "not a regular file");
        #[cfg(unix)]
        assert_eq!(error(Path::new("/dev/null")), "not a regular file");
        #[cfg(target_os = "linux")]
        assert_eq!(error(Path::new("/proc/self/status")), "more than 2 bytes");
    }
}
