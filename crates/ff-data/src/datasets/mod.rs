//! The datasets that a configuration can name, one file each.

mod arrays;
mod chest_labels;
mod chestxray14;
mod chexpert;
mod cifar;
mod cifar10_1;
mod files;
mod folder;
mod grades;
mod ham10000;
mod hashes;
mod images;
mod listing;
mod manifest;
mod medmnist;
mod mimic_cxr;
mod npy;
mod pickle;
mod published;
mod rsna_pneumonia;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use chest_labels::UncertainLabels;
pub use chestxray14::SplitSource;
pub use cifar10_1::Cifar101Version;
pub use hashes::FileHashes;
pub use published::Published;

use files::Files;

use crate::dataset::{Dataset, Split};
use crate::error::Error;
use crate::phantom::{Phantom, PhantomKind};
use crate::place::within;

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
    /// CIFAR-10.1: `cifar10.1_{v4,v6}_{data,labels}.npy`. All of it is a test set.
    #[serde(rename = "cifar10.1")]
    Cifar10_1 {
        /// The folder of the files.
        path: PathBuf,
        /// Which of the two sets.
        #[serde(default)]
        version: Cifar101Version,
    },
    /// APTOS 2019: `train.csv` and `train_images/`. Grades 0 to 4.
    Aptos2019 {
        /// The folder that holds both.
        path: PathBuf,
    },
    /// EyePACS (Kaggle 2015): `trainLabels.csv`, `retinopathy_solution.csv` if it is there, and the images in any
    /// folders. Grades 0 to 4; a patient's two eyes are a group.
    Eyepacs {
        /// The folder that holds them.
        path: PathBuf,
    },
    /// HAM10000, as the Harvard Dataverse has it (`HAM10000_metadata`; a lesion is a group) or as the ISIC 2018
    /// challenge does (`ISIC2018_Task3_*_{Input,GroundTruth}`, with official splits). Seven classes.
    Ham10000 {
        /// The folder that holds either.
        path: PathBuf,
    },
    /// RSNA Pneumonia Detection, stage 2: DICOM files and two tables. Normal against Lung Opacity; the third class
    /// is left out.
    RsnaPneumonia {
        /// The folder that holds them.
        path: PathBuf,
    },
    /// CheXpert, the large or the small form: `train.csv`, `valid.csv` and, if it is there, the test set's table;
    /// official splits. Frontal views, 13 findings; where `No Finding` is 1, all but Support Devices are 0. A
    /// patient is a group.
    Chexpert {
        /// The folder that holds the tables.
        path: PathBuf,
        /// What `-1` counts as.
        #[serde(default)]
        uncertain: UncertainLabels,
    },
    /// MIMIC-CXR-JPG: three tables (gzipped or not) and `files/`; official splits. Frontal views and findings as for
    /// CheXpert.
    MimicCxr {
        /// The folder that holds the tables.
        path: PathBuf,
        /// What `-1` counts as.
        #[serde(default)]
        uncertain: UncertainLabels,
        /// Read one split and no other: its images are all that has to be there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<Split>,
    },
    /// Messidor: twelve annotation tables (`.xls` or CSV) and `.tif` images in any folders. Grades 0 to 3, of which
    /// 3 takes in what others call 4.
    Messidor {
        /// The folder that holds them.
        path: PathBuf,
    },
    /// Messidor-2 with adjudicated grades: `messidor_data.csv` and images in any folders. Grades 0 to 4; the two
    /// images of an examination are a group if `messidor-2.csv` is there.
    Messidor2 {
        /// The folder that holds them.
        path: PathBuf,
    },
    /// NIH ChestX-ray14: `Data_Entry_2017*.csv` with the NIH's lists, or a table with a column `fold`; images in
    /// any folders. 14 findings; a patient is a group.
    Chestxray14 {
        /// The folder that holds them.
        path: PathBuf,
        /// Which division, where both are there.
        #[serde(default, alias = "division", skip_serializing_if = "Option::is_none")]
        split_source: Option<SplitSource>,
    },
    /// PathMNIST of any size: `pathmnist*.npz`, with official splits.
    Pathmnist {
        /// The file, or the folder that holds one.
        path: PathBuf,
    },
    /// DermaMNIST, as PathMNIST.
    Dermamnist {
        /// The file, or the folder that holds one.
        path: PathBuf,
    },
    /// BloodMNIST, as PathMNIST.
    Bloodmnist {
        /// The file, or the folder that holds one.
        path: PathBuf,
    },
    /// OCTMNIST, as PathMNIST.
    Octmnist {
        /// The file, or the folder that holds one.
        path: PathBuf,
    },
    /// ChestMNIST, as PathMNIST; 14 findings.
    Chestmnist {
        /// The file, or the folder that holds one.
        path: PathBuf,
    },
    /// Procedural images, drawn when asked for; see [`PhantomKind`].
    Phantom {
        /// What is drawn.
        task: PhantomKind,
        /// Width and height.
        #[serde(alias = "px")]
        image_size: u32,
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
    /// Kinds that lie on disk: what `kind` may be, beside `phantom`. Each has a `path`.
    pub const ON_DISK: [&str; 19] = [
        "folder",
        "manifest",
        "cifar10",
        "cifar100",
        "cifar10.1",
        "aptos2019",
        "eyepacs",
        "ham10000",
        "rsna-pneumonia",
        "chexpert",
        "mimic-cxr",
        "messidor",
        "messidor2",
        "chestxray14",
        "pathmnist",
        "dermamnist",
        "bloodmnist",
        "octmnist",
        "chestmnist",
    ];

    /// Opens the dataset.
    ///
    /// Every file that `hashes` does not know is read once, on all cores, for the digest: at first, the cost of
    /// reading the dataset from disk. Nothing is decoded.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Dataset`], naming the file and row; a relative path that leaves the data root.
    pub fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        let at = |path: &PathBuf| within(data_root, path);
        let listing = match self {
            Self::Folder { path } => folder::open(&at(path)?)?,
            Self::Manifest { path } => manifest::open(&at(path)?)?,
            Self::Aptos2019 { path } => grades::aptos2019(&at(path)?)?,
            Self::Eyepacs { path } => grades::eyepacs(&at(path)?)?,
            Self::Ham10000 { path } => ham10000::open(&at(path)?)?,
            Self::RsnaPneumonia { path } => rsna_pneumonia::open(&at(path)?)?,
            Self::Chexpert { path, uncertain } => chexpert::open(&at(path)?, *uncertain)?,
            Self::MimicCxr { path, uncertain, only } => mimic_cxr::open(&at(path)?, *uncertain, *only)?,
            Self::Messidor { path } => grades::messidor(&at(path)?)?,
            Self::Messidor2 { path } => grades::messidor2(&at(path)?)?,
            Self::Chestxray14 { path, split_source } => chestxray14::open(&at(path)?, *split_source)?,
            Self::Cifar10 { path } => return Ok(Arc::new(cifar::open(&at(path)?, &cifar::CIFAR10)?)),
            Self::Cifar100 { path } => return Ok(Arc::new(cifar::open(&at(path)?, &cifar::CIFAR100)?)),
            Self::Cifar10_1 { path, version } => return Ok(Arc::new(cifar10_1::open(&at(path)?, *version)?)),
            Self::Pathmnist { path } => return Ok(Arc::new(medmnist::open(&at(path)?, &medmnist::PATH)?)),
            Self::Dermamnist { path } => return Ok(Arc::new(medmnist::open(&at(path)?, &medmnist::DERMA)?)),
            Self::Bloodmnist { path } => return Ok(Arc::new(medmnist::open(&at(path)?, &medmnist::BLOOD)?)),
            Self::Octmnist { path } => return Ok(Arc::new(medmnist::open(&at(path)?, &medmnist::OCT)?)),
            Self::Chestmnist { path } => return Ok(Arc::new(medmnist::open(&at(path)?, &medmnist::CHEST)?)),
            &Self::Phantom { task, image_size, train, val, test, seed, shifted } => {
                return Ok(Arc::new(Phantom::new(task, image_size, [train, val, test], seed, shifted)?));
            }
        };
        Ok(Arc::new(Files::new(listing, hashes)?))
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
    fn every_kind_on_disk_needs_no_more_than_a_path() {
        for kind in DatasetConfig::ON_DISK {
            let config: DatasetConfig = toml::from_str(&format!("kind = '{kind}'\npath = 'x'")).unwrap();
            assert_eq!(serde_json::to_value(config).unwrap()["kind"], kind);
        }
    }

    #[test]
    fn integers_are_ordered_by_value() {
        let order = |names: &[&str]| class_order(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(order(&["10", "9", "2", "9"]), ["2", "9", "10"]);
        assert_eq!(order(&["b", "10", "9"]), ["10", "9", "b"]);
    }
}
