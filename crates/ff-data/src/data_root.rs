//! Resolves the paths of a configuration, which are relative to the data root.

use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// Resolves a path of a configuration: relative to the data root, or absolute.
///
/// # Errors
/// [`Error::Dataset`] if the path has a `..`, unless the data root is empty.
pub fn within(data_root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    if climbs && !data_root.as_os_str().is_empty() {
        let expected = "a path below the data root, or an absolute one";
        let hint = "write the path without `..`";
        return Err(Error::dataset(path.display(), expected, "`..` in the path").hint(hint));
    }
    Ok(if path == Path::new(".") { data_root.to_owned() } else { data_root.join(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_data_root() {
        let at = |root: &str, path: &str| within(Path::new(root), Path::new(path));
        assert_eq!(at("data", "a/b").unwrap(), Path::new("data/a/b"));
        assert_eq!(at("data", ".").unwrap().to_str(), Some("data"));
        assert_eq!(at("data", "/a/b").unwrap(), Path::new("/a/b"));
        assert_eq!(at("", "../a").unwrap(), Path::new("../a"));
        let text = at("data", "a/../../b").unwrap_err().to_string();
        assert!(text.contains("a/../../b: expected a path below the data root"), "{text}");
    }
}
