//! How many images each dataset is published with.

use serde::Serialize;

use super::DatasetConfig;
use super::chestxray14::SplitSource;
use super::cifar10_1::Cifar101Version;
use crate::dataset::{Dataset, Split};

/// Numbers of images as its authors publish them, after what is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// All of them.
    pub images: usize,
    /// In the official train, val and test splits, where there are any.
    pub splits: Option<[usize; 3]>,
}

impl Published {
    fn of(images: usize) -> Option<Self> {
        Some(Self { images, splits: None })
    }

    fn split(splits: [usize; 3]) -> Option<Self> {
        Some(Self { images: splits.iter().sum(), splits: Some(splits) })
    }

    /// In words, where `dataset` has other numbers; empty if it has these.
    pub fn differences(&self, dataset: &dyn Dataset) -> Vec<String> {
        let samples = dataset.samples();
        let differ = |what: &str, expected: usize, found: usize| {
            (expected != found).then(|| format!("{what}: {expected} images are published, {found} are here"))
        };
        let mut found: Vec<String> = differ("all", self.images, samples.len()).into_iter().collect();
        let parts = [Split::Train, Split::Val, Split::Test];
        for (split, expected) in parts.into_iter().zip(self.splits.into_iter().flatten()) {
            let here = samples.iter().filter(|sample| sample.split == Some(split)).count();
            found.extend(differ(split.name(), expected, here));
        }
        found
    }
}

impl DatasetConfig {
    /// What the dataset is published with; `None` for data of one's own, and where `dataset`'s form leaves it open.
    pub fn published(&self, dataset: &dyn Dataset) -> Option<Published> {
        let official = dataset.samples().iter().any(|sample| sample.split.is_some());
        match self {
            Self::Folder { .. } | Self::Manifest { .. } | Self::Phantom { .. } => None,
            Self::Cifar10 { .. } | Self::Cifar100 { .. } => Published::split([50_000, 0, 10_000]),
            Self::Cifar10_1 { version: Cifar101Version::V4, .. } => Published::split([0, 0, 2_021]),
            Self::Cifar10_1 { version: Cifar101Version::V6, .. } => Published::split([0, 0, 2_000]),
            Self::Aptos2019 { .. } => Published::of(3_662),
            Self::Eyepacs { .. } => Published::of(88_702),
            Self::Ham10000 { .. } if official => Published::split([10_015, 193, 1_512]),
            Self::Ham10000 { .. } => Published::of(10_015),
            Self::RsnaPneumonia { .. } => Published::of(8_851 + 6_012),
            Self::Chexpert { .. } => Published::split([191_027, 202, 518]),
            Self::MimicCxr { .. } => None,
            Self::Messidor { .. } => Published::of(1_200),
            Self::Messidor2 { .. } => Published::of(1_744),
            Self::Chestxray14 { split_source: Some(SplitSource::Lists), .. } => Published::of(112_120),
            Self::Chestxray14 { .. } => {
                // Only the folds have a validation set.
                let folds = dataset.samples().iter().any(|sample| sample.split == Some(Split::Val));
                if folds { Published::split([78_468, 11_219, 22_433]) } else { Published::of(112_120) }
            }
            Self::Pathmnist { .. } => Published::split([89_996, 10_004, 7_180]),
            Self::Dermamnist { .. } => Published::split([7_007, 1_003, 2_005]),
            Self::Bloodmnist { .. } => Published::split([11_959, 1_712, 3_421]),
            Self::Octmnist { .. } => Published::split([97_477, 10_832, 1_000]),
            Self::Chestmnist { .. } => Published::split([78_468, 11_219, 22_433]),
        }
    }
}
