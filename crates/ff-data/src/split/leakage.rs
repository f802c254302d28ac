//! What stands in more than one split and should not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Splits;
use crate::{Dataset, Split};

/// Groups (patients) that are torn between splits: their images make validation and test look better than
/// they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leakage {
    /// Groups in all; 0 if the dataset has none, and then nothing can be said.
    pub groups: usize,
    /// The groups in more than one split, by name.
    pub shared: Vec<SharedGroup>,
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

impl Splits {
    /// The groups of `dataset` that this division tears.
    pub fn leakage(&self, dataset: &dyn Dataset) -> Leakage {
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for (slot, split) in [Split::Train, Split::Val, Split::Test].into_iter().enumerate() {
            for &index in self.get(split).iter() {
                if let Some(group) = &dataset.samples()[index].group {
                    counts.entry(group).or_default()[slot] += 1;
                }
            }
        }
        let groups = counts.len();
        let torn = |counts: &[usize; 3]| counts.iter().filter(|&&count| count > 0).count() > 1;
        let shared = counts.into_iter().filter(|(_, counts)| torn(counts));
        let shared = shared.map(|(group, [train, val, test])| SharedGroup {
            group: group.to_owned(),
            train,
            val,
            test,
        });
        Leakage { groups, shared: shared.collect() }
    }
}
