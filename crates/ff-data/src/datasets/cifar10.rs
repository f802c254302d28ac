//! CIFAR-10 (Krizhevsky 2009).

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

/// CIFAR-10: 10 classes, with the official test split.
///
/// Reads the Python form (`cifar-10-batches-py`) or, if that is absent, the binary form
/// (`cifar-10-batches-bin`). Images are held in memory (184 MB).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cifar10 {
    /// Folder that holds one of these folders, or that is one: relative to the data root, or
    /// absolute.
    pub path: PathBuf,
}

impl DatasetKind for Cifar10 {
    const KIND: &'static str = "cifar10";
    const TITLE: &'static str = "CIFAR-10";
    const LICENCE: Option<&'static str> = Some("none stated; Krizhevsky 2009 to be cited");
    const ACCESS: Access = Access::Download;
    const PUBLISHED: Option<Published> = Some(Published::split([50_000, 0, 10_000]));

    fn open(&self, data_root: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        Ok(Arc::new(read(&within(data_root, &self.path)?, &FORM)?))
    }
}

/// 60,000 images of 10 classes.
const FORM: Cifar = Cifar {
    name: "CIFAR-10",
    python_folder: "cifar-10-batches-py",
    binary_folder: "cifar-10-batches-bin",
    parts: &[
        ("data_batch_1", "data_batch_1.bin", Split::Train),
        ("data_batch_2", "data_batch_2.bin", Split::Train),
        ("data_batch_3", "data_batch_3.bin", Split::Train),
        ("data_batch_4", "data_batch_4.bin", Split::Train),
        ("data_batch_5", "data_batch_5.bin", Split::Train),
        ("test_batch", "test_batch.bin", Split::Test),
    ],
    label_key: "labels",
    label_bytes: 1,
    classes: &CLASSES,
};

/// Names of the classes, in the order of their labels.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
