//! Recognises files that a download or a clone left in the place of data.

/// Returns what a file is, and what to do, if it is in the place of data.
pub fn stand_in(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).trim_start().to_ascii_lowercase();
    let is_page = ["<!doctype html", "<html"].iter().any(|tag| start.starts_with(tag));
    if bytes.is_empty() {
        Some(("an empty file", "download or copy it again"))
    } else if start.starts_with("version https://git-lfs") {
        Some(("a Git LFS pointer, not the file it stands for", "run `git lfs pull` in its repository"))
    } else if is_page {
        let found = "a web page, as a server sends in place of a file that it refuses";
        Some((found, "download it again, signed in if the file needs it"))
    } else {
        None
    }
}
