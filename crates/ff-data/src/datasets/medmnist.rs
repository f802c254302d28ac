//! MedMNIST v2 (Yang et al. 2023): PathMNIST, DermaMNIST, BloodMNIST, OCTMNIST and ChestMNIST.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::hashes::FileHashes;
use crate::datasets::npz::{Npz, read};
use crate::datasets::published::Published;
use crate::error::Error;

/// A dataset of MedMNIST v2, of any image size, with the official splits.
///
/// Reads `<name>.npz`, `<name>_64.npz`, `<name>_128.npz` or `<name>_224.npz`.
/// `kind = "pathmnist"` is short for `kind = "medmnist"` with `name = "pathmnist"`; the same holds
/// for the other names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MedMnist {
    /// Name of the dataset.
    pub name: MedMnistName,
    /// The `.npz` file, or a folder with one size of it: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for MedMnist {
    const KIND: &'static str = "medmnist";
    const TITLE: &'static str = "MedMNIST";
    const MEMBERS: &'static [(&'static str, &'static str)] =
        &[member(0), member(1), member(2), member(3), member(4)];
    const LICENCE: Option<&'static str> = Some("CC BY 4.0; DermaMNIST: CC BY-NC 4.0");
    const ACCESS: Access = Access::Download;

    fn open(&self, data_root: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        Ok(Arc::new(read(&within(data_root, &self.path)?, &SETS[self.name as usize].archive)?))
    }

    fn published(&self, _: &dyn Dataset) -> Option<Published> {
        Some(Published::split(SETS[self.name as usize].splits))
    }
}

/// A dataset of MedMNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MedMnistName {
    /// Colon pathology, 9 classes.
    Pathmnist,
    /// Skin lesions, 7 classes.
    Dermamnist,
    /// Blood cells, 8 classes.
    Bloodmnist,
    /// Retinal OCT, 4 classes.
    Octmnist,
    /// Chest radiographs, 14 findings.
    Chestmnist,
}

/// The facts about one dataset of MedMNIST.
struct Set {
    title: &'static str,
    /// Published images of train, val and test.
    splits: [usize; 3],
    archive: Npz,
}

/// The datasets, in the order of [`MedMnistName`].
#[rustfmt::skip]
const SETS: [Set; 5] = [
    Set {
        title: "MedMNIST: colon pathology, 9 classes",
        splits: [89_996, 10_004, 7_180],
        archive: Npz { flag: "pathmnist", multilabel: false, labels: &[
            "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
            "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
        ] },
    },
    Set {
        title: "MedMNIST: skin lesions, 7 classes",
        splits: [7_007, 1_003, 2_005],
        archive: Npz { flag: "dermamnist", multilabel: false, labels: &[
            "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
            "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
            "vascular lesions",
        ] },
    },
    Set {
        title: "MedMNIST: blood cells, 8 classes",
        splits: [11_959, 1_712, 3_421],
        archive: Npz { flag: "bloodmnist", multilabel: false, labels: &[
            "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte",
            "neutrophil", "platelet",
        ] },
    },
    Set {
        title: "MedMNIST: retinal OCT, 4 classes",
        splits: [97_477, 10_832, 1_000],
        archive: Npz { flag: "octmnist", multilabel: false, labels: &[
            "choroidal neovascularization", "diabetic macular edema", "drusen", "normal",
        ] },
    },
    Set {
        title: "MedMNIST: chest X-rays, 14 tasks",
        splits: [78_468, 11_219, 22_433],
        archive: Npz { flag: "chestmnist", multilabel: true, labels: &[
            "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia",
            "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia",
        ] },
    },
];

/// Returns the name and title of a dataset.
const fn member(number: usize) -> (&'static str, &'static str) {
    (SETS[number].archive.flag, SETS[number].title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_set() {
        use MedMnistName::*;
        for name in [Pathmnist, Dermamnist, Bloodmnist, Octmnist, Chestmnist] {
            assert_eq!(serde_json::to_value(name).unwrap(), SETS[name as usize].archive.flag);
        }
    }
}
