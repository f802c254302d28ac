//! Pools of models from files, as the configuration states them.

use std::path::{Path, PathBuf};

use ff_checkpoint::models_below;
use itertools::Itertools;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::job::Pool;

/// A pool of models from files, which were trained elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// Name, by which rows choose it (`pool`).
    pub name: String,
    /// Files of weights, or folders that are searched for them. They must be of the architecture of the
    /// table's backbones. Relative to the working folder.
    pub files: Vec<PathBuf>,
    /// Files and folders that are left out where a folder of `files` is searched, such as results of
    /// earlier runs. Relative to the working folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<PathBuf>,
    /// A pool of models that are trained here, which come before the files: `grid`, `fgg`, `fgg-all`, `fgg-also`,
    /// `ema` or `grid-ema`. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<Pool>,
    /// The weights that the models were fine-tuned from, for methods that need them and for the
    /// distances of a forecast. Absent: the probe of `with`; without both they are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// The classes of the dataset in the order of the models' outputs, in place of what the files
    /// record. Empty: as each file records it; where it does not, the order of the dataset, unless
    /// another fits the validation images much better, which is an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

impl PoolConfig {
    /// Lists the models of the files and folders, each with its name: the path below the folder that is
    /// given or, of single files, below the folder that has them all, so that names do not tell where on
    /// a machine the files are. The files are not opened.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a folder has no model; [`Error::Config`] if all are left out.
    pub fn models(&self) -> Result<Vec<(String, PathBuf)>, Error> {
        let text = |path: &Path| path.display().to_string();
        let except: Vec<PathBuf> = self.except.iter().map(|path| resolved(path)).collect();
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        let single = common_folder(self.files.iter().filter(|place| !place.is_dir()));
        for place in &self.files {
            if !place.is_dir() {
                found.push((text(place.strip_prefix(&single).unwrap_or(place)), place.clone()));
                continue;
            }
            let folder = resolved(place);
            // A folder that is given is searched, also if it is in one that is left out.
            let inner: Vec<&PathBuf> = except.iter().filter(|other| !folder.starts_with(other)).collect();
            let is_left_out = |path: &Path| {
                let path = resolved(path);
                inner.iter().any(|other| path.starts_with(other))
            };
            let below = models_below(place)?.into_iter().filter(|path| !is_left_out(path));
            let name = |path: &Path| match path.strip_prefix(place) {
                // The folder itself may be a model.
                Ok(inner) if !inner.as_os_str().is_empty() => text(inner),
                _ => text(path),
            };
            found.extend(below.map(|path| (name(&path), path)));
        }
        if found.is_empty() {
            let places = self.files.iter().map(|place| text(place)).join(", ");
            return Err(Error::Config(format!(
                "{places}: expected models, found only results of earlier runs, which are left out\n\
                 hint: name files one by one to take them"
            )));
        }
        // Two folders may have files of the same names.
        let twice: Vec<String> = found.iter().map(|(name, _)| name).duplicates().cloned().collect();
        let all = common_folder(found.iter().map(|(_, path)| path));
        for (name, path) in &mut found {
            if twice.contains(name) {
                *name = text(path.strip_prefix(&all).unwrap_or(path));
            }
        }
        Ok(found)
    }
}

/// Returns the deepest folder that has all files; empty if there is none, or no file.
fn common_folder<'a>(files: impl Iterator<Item = &'a PathBuf>) -> PathBuf {
    let folder = |path: &'a PathBuf| path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let common = |one: PathBuf, other: PathBuf| {
        let both = one.components().zip(other.components()).take_while(|(a, b)| a == b);
        both.map(|(part, _)| part).collect()
    };
    files.map(folder).reduce(common).unwrap_or_default()
}

/// Returns a whole path without links, but for a file that is one: it is where the link is.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let of = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if !path.is_dir() => of(folder).join(name),
        _ => of(&path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_left_out_is_not_found_in_folders() {
        let place = tempfile::tempdir().unwrap();
        let at = |below: &str| place.path().join(below);
        for file in ["own/a.pth", "own/soup.pth", "scratch/runs/jobs/1.pth", "scratch/runs/jobs/2.pth"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), file).unwrap();
        }
        symlink(at("scratch/runs"), at("own/runs")).unwrap();
        symlink(at("scratch/runs/jobs/1.pth"), at("own/link.pth")).unwrap();
        let models = |files: &[&str], except: &[&str]| {
            let [files, except] = [files, except].map(|paths| paths.iter().map(|path| at(path)).collect());
            let pool = PoolConfig { files, except, ..PoolConfig::default() };
            pool.models().map(|found| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        let all = ["a.pth", "link.pth", "runs/jobs/2.pth", "soup.pth"];
        assert_eq!(models(&["own"], &["own/gone.pth"]).unwrap(), all);
        // By the folder that a link leads to, but not for a link to a file.
        let except = ["own/../own/soup.pth", "scratch/runs"];
        assert_eq!(models(&["own"], &except).unwrap(), ["a.pth", "link.pth"]);
        std::fs::create_dir(at("model")).unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::write(at("model").join(file), "").unwrap();
        }
        assert!(models(&["model"], &[]).unwrap()[0].ends_with("/model"));

        let named = models(&["own/soup.pth", "own/runs/jobs"], &except).unwrap();
        assert_eq!(named, ["soup.pth", "1.pth", "2.pth"]);
        let single = models(&["own/a.pth", "scratch/runs/jobs/1.pth"], &[]).unwrap();
        assert_eq!(single, ["own/a.pth", "scratch/runs/jobs/1.pth"]);
        let twice = models(&["own", "own/a.pth"], &[]).unwrap();
        assert_eq!(twice.last().unwrap(), "a.pth", "{twice:?}");
        let error = models(&["own"], &["own/a.pth", "own/link.pth", "own/soup.pth", "own/runs"]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("own: expected models, found only results of earlier runs"), "{error}");
    }
}
