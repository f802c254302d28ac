//! CIFAR-100 (Krizhevsky 2009).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Split};
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::cifar::{Cifar, read};
use crate::datasets::hashes::FileHashes;
use crate::datasets::published::Published;
use crate::error::Error;

/// CIFAR-100: 100 classes (the fine labels), with the official test split.
///
/// Reads the Python form (`cifar-100-python`) or, if that is absent, the binary form
/// (`cifar-100-binary`). Images are held in memory (184 MB).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cifar100 {
    /// Folder that holds one of these folders, or that is one: relative to the data root, or
    /// absolute.
    pub path: PathBuf,
}

impl DatasetKind for Cifar100 {
    const KIND: &'static str = "cifar100";
    const TITLE: &'static str = "CIFAR-100";
    const LICENCE: Option<&'static str> = Some("none stated; Krizhevsky 2009 to be cited");
    const ACCESS: Access = Access::Download;
    const PUBLISHED: Option<Published> = Some(Published::split([50_000, 0, 10_000]));

    fn open(&self, data_root: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        Ok(Arc::new(read(&within(data_root, &self.path)?, &FORM)?))
    }
}

/// 60,000 images of 100 classes (the fine labels).
const FORM: Cifar = Cifar {
    name: "CIFAR-100",
    python_folder: "cifar-100-python",
    binary_folder: "cifar-100-binary",
    parts: &[("train", "train.bin", Split::Train), ("test", "test.bin", Split::Test)],
    label_key: "fine_labels",
    label_bytes: 2,
    classes: &CLASSES,
};

#[rustfmt::skip]
const CLASSES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
];
