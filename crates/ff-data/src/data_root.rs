//! Paths of a configuration, which are relative to the data root.

use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// A path of a configuration: below the data root, or absolute, which is said openly. A relative
/// one that climbs is neither; without a root there is nothing to climb out of.
pub fn within(data_root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    if climbs && !data_root.as_os_str().is_empty() {
        return Err(Error::dataset(
            path.display(),
            "a path below the data root, or an absolute one",
            "`..` in it",
        ));
    }
    Ok(data_root.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_config_stays_below_the_data_root() {
        let at = |root: &str, path: &str| within(Path::new(root), Path::new(path));
        assert_eq!(at("data", "a/b").unwrap(), Path::new("data/a/b"));
        assert_eq!(at("data", "/a/b").unwrap(), Path::new("/a/b"));
        assert_eq!(at("", "../a").unwrap(), Path::new("../a"));
        let text = at("data", "a/../../b").unwrap_err().to_string();
        assert!(text.contains("a/../../b: expected a path below the data root"), "{text}");
    }
}
