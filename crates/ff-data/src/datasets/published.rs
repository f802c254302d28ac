//! The numbers of images that a dataset's authors publish.

use serde::Serialize;

use crate::dataset::{Dataset, Split};

/// Published numbers of images, without those that the reader leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// All images.
    pub images: usize,
    /// Images of the official train, val and test splits, if there are any.
    pub splits: Option<[usize; 3]>,
}

impl Published {
    /// A number of images, without official splits.
    pub const fn of(images: usize) -> Self {
        Self { images, splits: None }
    }

    /// Numbers of images in the official train, val and test splits.
    pub const fn split(splits: [usize; 3]) -> Self {
        Self { images: splits[0] + splits[1] + splits[2], splits: Some(splits) }
    }

    /// Describes where `dataset` has other numbers; empty if it has these.
    pub fn differences(&self, dataset: &dyn Dataset) -> Vec<String> {
        let samples = dataset.samples();
        let differ = |what: &str, expected: usize, found: usize| {
            (expected != found)
                .then(|| format!("{what}: expected {expected} images as published, found {found}"))
        };
        let mut found: Vec<String> = differ("all", self.images, samples.len()).into_iter().collect();
        for (split, expected) in Split::ALL.into_iter().zip(self.splits.into_iter().flatten()) {
            let here = samples.iter().filter(|sample| sample.split == Some(split)).count();
            found.extend(differ(split.name(), expected, here));
        }
        found
    }
}
