//! Finds groups and images that are in more than one split.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dataset::{Content, Dataset, Split};
use crate::split::splits::Splits;

/// Groups (patients) and images that are in more than one split. They make validation and test
/// scores too high.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leakage {
    /// Number of groups; 0 if the dataset names none, so that their leakage is unknown.
    pub groups: usize,
    /// The groups in more than one split, sorted by name.
    pub shared: Vec<SharedGroup>,
    /// Images of the same content; `None` if images are generated.
    pub duplicates: Option<Duplicates>,
}

/// A group in more than one split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedGroup {
    /// The group's name.
    pub group: String,
    /// Its samples in train.
    pub train: usize,
    /// Its samples in val.
    pub val: usize,
    /// Its samples in test.
    pub test: usize,
}

/// Images of the same content: identical files, or identical pixels in an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Copies beyond the first within train, val and test.
    pub within: [usize; 3],
    /// The ids of each image that is in more than one split, in the order of the dataset.
    pub across: Vec<Vec<String>>,
}

impl Leakage {
    /// Describes the leakage in one sentence; `None` if there is none.
    pub fn summary(&self) -> Option<String> {
        let groups = match self.shared.len() {
            0 => None,
            shared => Some(format!("{shared} of {} groups (patients)", self.groups)),
        };
        let images = match self.duplicates.as_ref().map_or(0, |images| images.across.len()) {
            0 => None,
            1 => Some("1 image".to_owned()),
            images => Some(format!("{images} images")),
        };
        let what = [groups, images].into_iter().flatten().collect::<Vec<_>>().join(" and ");
        (!what.is_empty()).then(|| format!("{what} in more than one split: scores may be too high"))
    }
}

impl Splits {
    /// Finds the groups and images of `dataset` that are in more than one of these splits.
    pub fn leakage(&self, dataset: &dyn Dataset) -> Leakage {
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for (slot, split) in Split::ALL.into_iter().enumerate() {
            for &index in self.get(split).iter() {
                if let Some(group) = &dataset.samples()[index].group {
                    counts.entry(group).or_default()[slot] += 1;
                }
            }
        }
        let groups = counts.len();
        let shared = counts.into_iter().filter(|(_, counts)| in_several(counts));
        let shared = shared.map(|(group, [train, val, test])| SharedGroup {
            group: group.to_owned(),
            train,
            val,
            test,
        });
        let duplicates = dataset.contents().map(|contents| self.duplicates(dataset, contents));
        Leakage { groups, shared: shared.collect(), duplicates }
    }

    fn duplicates(&self, dataset: &dyn Dataset, contents: &[Content]) -> Duplicates {
        let mut places: BTreeMap<&Content, ([usize; 3], Vec<usize>)> = BTreeMap::new();
        for (slot, split) in Split::ALL.into_iter().enumerate() {
            for &index in self.get(split).iter() {
                let (counts, indices) = places.entry(&contents[index]).or_default();
                counts[slot] += 1;
                indices.push(index);
            }
        }
        let mut within = [0; 3];
        let mut across = Vec::new();
        for (counts, indices) in places.into_values() {
            for (total, count) in within.iter_mut().zip(counts) {
                *total += count.saturating_sub(1);
            }
            if in_several(&counts) {
                across.push(indices);
            }
        }
        across.sort();
        let names =
            |indices: Vec<usize>| indices.iter().map(|&index| dataset.samples()[index].id.clone()).collect();
        Duplicates { within, across: across.into_iter().map(names).collect() }
    }
}

fn in_several(counts: &[usize; 3]) -> bool {
    counts.iter().filter(|&&count| count > 0).count() > 1
}
