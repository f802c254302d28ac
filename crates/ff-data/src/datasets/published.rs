//! How many images each dataset is published with.

use serde::Serialize;

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
    /// So many images, without official splits.
    pub const fn of(images: usize) -> Self {
        Self { images, splits: None }
    }

    /// So many images in the official train, val and test splits.
    pub const fn split(splits: [usize; 3]) -> Self {
        Self { images: splits[0] + splits[1] + splits[2], splits: Some(splits) }
    }

    /// In words, where `dataset` has other numbers; empty if it has these.
    pub fn differences(&self, dataset: &dyn Dataset) -> Vec<String> {
        let samples = dataset.samples();
        let differ = |what: &str, expected: usize, found: usize| {
            (expected != found).then(|| format!("{what}: {expected} images are published, {found} are here"))
        };
        let mut found: Vec<String> = differ("all", self.images, samples.len()).into_iter().collect();
        for (split, expected) in Split::ALL.into_iter().zip(self.splits.into_iter().flatten()) {
            let here = samples.iter().filter(|sample| sample.split == Some(split)).count();
            found.extend(differ(split.name(), expected, here));
        }
        found
    }
}
