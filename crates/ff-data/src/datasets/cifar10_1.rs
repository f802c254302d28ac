//! CIFAR-10.1 (Recht et al. 2018): a new test set for CIFAR-10.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::{Dataset, Sample, Split, Target, Task};
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::arrays::{ArraySplit, Arrays, Bytes, Form};
use crate::datasets::cifar10::CLASSES;
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::require_file;
use crate::datasets::npy::Header;
use crate::datasets::published::Published;
use crate::error::Error;

/// CIFAR-10.1: a second test set for CIFAR-10; all images are in the test split.
///
/// Reads `cifar10.1_{v4,v6}_{data,labels}.npy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cifar10_1 {
    /// Folder of the files: relative to the data root, or absolute.
    pub path: PathBuf,
    /// Version of the dataset.
    #[serde(default)]
    pub version: Cifar101Version,
}

impl DatasetKind for Cifar10_1 {
    const KIND: &'static str = "cifar10.1";
    const TITLE: &'static str = "CIFAR-10.1";
    const LICENCE: Option<&'static str> = Some("MIT");
    const ACCESS: Access = Access::Download;

    fn open(&self, data_root: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        Ok(Arc::new(read(&within(data_root, &self.path)?, self.version)?))
    }

    fn published(&self, _: &dyn Dataset) -> Option<Published> {
        Some(Published::split(match self.version {
            Cifar101Version::V4 => [0, 0, 2_021],
            Cifar101Version::V6 => [0, 0, 2_000],
        }))
    }
}

/// A version of CIFAR-10.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Cifar101Version {
    /// 2,021 images.
    V4,
    /// 2,000 images, the same number of each class (used by FissionFusion).
    #[default]
    V6,
}

/// Opens `cifar10.1_<version>_{data,labels}.npy`.
fn read(root: &Path, version: Cifar101Version) -> Result<Arrays, Error> {
    let find = |part: &str| require_file(root, &[&format!("cifar10.1_{version}_{part}.npy")], "CIFAR-10.1");
    let (data, labels) = (find("data")?, find("labels")?);
    let wrong = |path: &Path, expected: &str, found: String| Error::damaged(path.display(), expected, found);

    let mut bytes = Vec::new();
    // Labels are small; a wrong file may have any size.
    let file = File::open(&labels).map_err(Error::read(&labels))?;
    file.take(1 << 20).read_to_end(&mut bytes).map_err(Error::read(&labels))?;
    let expected = "an array [N] of whole numbers";
    let header = Header::read(&mut bytes.as_slice()).map_err(|found| wrong(&labels, expected, found))?;
    if header.shape.len() != 1 {
        return Err(wrong(&labels, expected, format!("the shape {:?}", header.shape)));
    }
    let numbers = header.integers(&bytes[header.bytes..]).map_err(|found| wrong(&labels, expected, found))?;

    let mut file = File::open(&data).map_err(Error::read(&data))?;
    let length = file.metadata().map_err(Error::read(&data))?.len();
    let expected = format!("an array [{}, 32, 32, 3] of u8", numbers.len());
    let header = Header::read(&mut file).map_err(|found| wrong(&data, &expected, found))?;
    let end = header.elements().and_then(|count| count.checked_add(header.bytes));
    let fits = end.is_some_and(|end| length == end as u64);
    if header.shape != [numbers.len(), 32, 32, 3] || header.descr != "|u1" || !fits {
        let found = format!("{:?} of {} in {length} bytes", header.shape, header.descr);
        return Err(wrong(&data, &expected, found));
    }

    let mut samples = Vec::with_capacity(numbers.len());
    for (row, &label) in numbers.iter().enumerate() {
        let class = usize::try_from(label).ok().filter(|&class| class < 10);
        let class =
            class.ok_or_else(|| wrong(&labels, "labels of 0 to 9", format!("{label} for image {row}")))?;
        let id = format!("{version}/{row:05}");
        samples.push(Sample { id, target: Target::Class(class), group: None, split: Some(Split::Test) });
    }
    let (count, form) = Form::of(&header.shape).expect("checked above");
    let bytes = Bytes::File { file, offset: header.bytes as u64 };
    let part = ArraySplit { place: data.display().to_string(), bytes, count, form };
    let classes = CLASSES.iter().map(|&class| class.to_owned()).collect();
    Arrays::new(Task::Multiclass { classes }, samples, vec![part])
}
