//! Git Re-Basin: models whose units are first reordered to match those of the first model.

mod assignment;
mod axis;
mod groups;
mod matching;
mod products;
mod rules;

use std::mem::take;

use ff_checkpoint::StateDict;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::matching::Matching;
use super::accumulator::Accumulator;
use super::mean::Mean;
use super::method::{MergeKind, MergeMethod, Needs, Parts, Settings, settings_of};
use crate::error::Error;

pub use self::groups::UnitGroups;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "rebasin",
    about: "Git Re-Basin: units matched to the first part's, then the mean (Ainsworth et al. 2022)",
    needs: Needs::Nothing,
    new: settings_of::<Rebasin>,
};

/// The merge method Git Re-Basin (arXiv 2209.04836, §3.2): weight matching, then the mean.
///
/// Models that were trained from different starts have their units in different orders, so a plain
/// mean is of units that have nothing in common. Here the first model is the reference. Of each
/// other model, the units of one group after the other are reordered so that the sum of the products
/// of its weights with the reference's is largest, the other groups being as they are: a linear
/// assignment. This is repeated until no order changes. The result is a local optimum that depends
/// on `seed`, which the order of the groups is drawn from.
///
/// The paper starts with the units as they are. Here a first pass goes from inputs to outputs, in
/// which only weights between matched groups count. Usually fewer passes follow.
///
/// Running statistics are reordered with their units, and have no part in the matching. The mean of
/// matched models has activations of too small a variance, which recomputed statistics correct
/// (REPAIR, arXiv 2211.08403).
///
/// Memory: the mean's sums in 64-bit floats, and two copies of one model. Time: for each pass, a
/// layer takes as many multiplications as it has weights, times the units on its inputs and outputs.
/// Groups whose neighbours did not change are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rebasin {
    /// The seed of the order in which groups are matched. 0 unless it is set.
    pub seed: u64,
    /// The largest number of passes over the groups after the first, at least 1. 100 unless it is
    /// set.
    pub passes: u32,
}

impl Default for Rebasin {
    fn default() -> Self {
        Self { seed: 0, passes: 100 }
    }
}

impl Rebasin {
    /// Returns the orders in which the model's units match those of the reference.
    fn matched(&self, groups: &UnitGroups, reference: &StateDict, model: &StateDict) -> Vec<Vec<usize>> {
        let mut matching = Matching::new(groups, reference, model);
        let count = groups.sizes().len();
        // Groups are in the order from inputs to outputs. Here only the weights to matched groups
        // count: those to others are noise until these are matched too.
        for group in 0..count {
            matching.improve(group, group);
        }
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        let mut stale = vec![true; count];
        for _ in 0..self.passes {
            let keys: Vec<u64> = (0..count).map(|_| random.next_u64()).collect();
            let mut turns: Vec<usize> = (0..count).collect();
            turns.sort_by_key(|&group| keys[group]);
            for group in turns {
                if take(&mut stale[group]) && matching.improve(group, count) {
                    groups.neighbours(group).for_each(|other| stale[other] = true);
                }
            }
            if !stale.contains(&true) {
                break;
            }
        }
        matching.orders
    }
}

impl Settings for Rebasin {
    fn check(&self) -> Result<(), String> {
        match self.passes {
            0 => Err("passes: expected at least 1, found 0".to_owned()),
            _ => Ok(()),
        }
    }
}

impl MergeMethod for Rebasin {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        self.to_value()
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.checked()?;
        let reference = parts.first()?;
        let Some((&last, others)) = parts.models[1..].split_last() else {
            return Mean.merge(parts);
        };
        let groups = UnitGroups::of(reference)?;
        let matched = |model: &StateDict| groups.permuted(model, &self.matched(&groups, reference, model));
        let mut sum = Accumulator::new(reference.clone());
        for &model in others {
            sum.add(&matched(model));
        }
        Ok(sum.mean_with(&matched(last)))
    }
}
