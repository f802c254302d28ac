//! The datasets that a configuration can name, one file each.

mod cifar;
mod digest;
mod files;
mod folder;
mod manifest;
mod pickle;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use digest::dataset_digest;

use crate::phantom::{Phantom, PhantomKind};
use crate::{Dataset, Error};

/// A dataset as a recipe names it: `kind = "folder"` and so on. Paths are relative to the data root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DatasetConfig {
    /// Class folders: `PATH/<class>/*`, or `PATH/{train,val,test}/<class>/*` where `valid` and
    /// `validation` are `val` too and `val` and `test` may be missing.
    ///
    /// Classes are sorted by name (by value where all are integers); a class folder is read with its
    /// subfolders; hidden files and files without an image's extension are ignored. A sample's id is
    /// its path below PATH.
    Folder {
        /// The root of the folders.
        path: PathBuf,
    },
    /// A CSV with the columns `path,label`, or `path,<task>,<task>…` (1, 0, or blank for unknown), and
    /// optionally `split` and `group` (patient). Columns are found by name, trimmed, without regard to
    /// case; beside `label`, other columns are ignored.
    ///
    /// Image paths are relative to the CSV's folder and cannot leave it. A sample's id is its path.
    Manifest {
        /// The CSV.
        path: PathBuf,
    },
    /// CIFAR-10 as published, in the Python form (`cifar-10-batches-py`) or, where that is absent, the
    /// binary form (`cifar-10-batches-bin`), with the official test split. Held in memory (184 MB).
    Cifar10 {
        /// The folder that holds either folder, or is it.
        path: PathBuf,
    },
    /// CIFAR-100 (fine labels) as published, `cifar-100-python` or `cifar-100-binary`, as for CIFAR-10.
    Cifar100 {
        /// The folder that holds either folder, or is it.
        path: PathBuf,
    },
    /// Procedural images, drawn when asked for; see [`PhantomKind`].
    Phantom {
        /// What is drawn.
        task: PhantomKind,
        /// Width and height.
        px: u32,
        /// Training images.
        train: usize,
        /// Validation images.
        val: usize,
        /// Test images.
        test: usize,
        /// Another seed is another dataset of the same kind.
        seed: u64,
        /// Draws the out-of-distribution twin: same labels, another scanner (contrast, blur, noise,
        /// colour cast, background).
        #[serde(default)]
        shifted: bool,
    },
}

impl DatasetConfig {
    /// Opens the dataset.
    ///
    /// Every file is read once, on all cores, for the digest: the cost of reading the dataset from disk.
    /// Nothing is decoded.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Dataset`], naming the file and row.
    pub fn open(&self, data_root: &Path) -> Result<Arc<dyn Dataset>, Error> {
        Ok(match self {
            Self::Folder { path } => Arc::new(folder::open(&data_root.join(path))?),
            Self::Manifest { path } => Arc::new(manifest::open(&data_root.join(path))?),
            Self::Cifar10 { path } => Arc::new(cifar::open(&data_root.join(path), &cifar::CIFAR10)?),
            Self::Cifar100 { path } => Arc::new(cifar::open(&data_root.join(path), &cifar::CIFAR100)?),
            &Self::Phantom { task, px, train, val, test, seed, shifted } => {
                Arc::new(Phantom::new(task, px, [train, val, test], seed, shifted)?)
            }
        })
    }
}

/// Names of classes in the order of their indices: by value where all are integers, else by name.
fn class_order(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    if let Ok(values) = names.iter().map(|name| name.parse::<i64>()).collect::<Result<Vec<_>, _>>() {
        let mut pairs: Vec<_> = values.into_iter().zip(names).collect();
        pairs.sort();
        return pairs.into_iter().map(|(_, name)| name).collect();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_strict() {
        let read = |text: &str| toml::from_str::<DatasetConfig>(text);
        assert_eq!(
            read("kind = 'folder'\npath = 'cells'").unwrap(),
            DatasetConfig::Folder { path: "cells".into() }
        );
        let phantom = "kind = 'phantom'\ntask = 'grades'\npx = 32\ntrain = 8\nval = 8\ntest = 8\nseed = 1";
        assert!(matches!(read(phantom).unwrap(), DatasetConfig::Phantom { shifted: false, .. }));
        for bad in
            ["kind = 'folder'\npath = 'x'\nroot = 'y'", "kind = 'folders'\npath = 'x'", "kind = 'folder'"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("{phantom}\nseeds = 2")).is_err());
    }

    #[test]
    fn integers_are_ordered_by_value() {
        let order = |names: &[&str]| class_order(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(order(&["10", "9", "2", "9"]), ["2", "9", "10"]);
        assert_eq!(order(&["b", "10", "9"]), ["10", "9", "b"]);
    }
}
