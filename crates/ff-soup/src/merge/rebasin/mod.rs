//! Git Re-Basin: models whose units are first reordered to match those of the first model.

mod assignment;
mod axis;
mod groups;
mod products;
mod rules;

use std::collections::BTreeMap;
use std::mem::take;

use ff_checkpoint::StateDict;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::assignment::better_than_diagonal;
use self::products::{Pair, inner_products};
use super::accumulator::Accumulator;
use super::blocks::is_statistic;
use super::mean::{Mean, data};
use super::method::{MergeKind, MergeMethod, Needs, Parts};
use crate::error::Error;

pub use self::groups::UnitGroups;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "rebasin",
    about: "Git Re-Basin: units matched to the first part's, then the mean (Ainsworth et al. 2022)",
    needs: Needs::Nothing,
    new: |settings| {
        let method: Rebasin = serde_json::from_value(settings.clone()).map_err(|error| error.to_string())?;
        method.check()?;
        Ok(Box::new(method))
    },
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
    /// The largest number of passes over the groups, at least 1. 100 unless it is set.
    pub passes: u32,
}

impl Default for Rebasin {
    fn default() -> Self {
        Self { seed: 0, passes: 100 }
    }
}

impl Rebasin {
    fn check(&self) -> Result<(), String> {
        match self.passes {
            0 => Err("passes: expected at least 1, found 0".to_owned()),
            _ => Ok(()),
        }
    }

    /// Returns the orders in which the model's units match those of the reference.
    fn matched(&self, groups: &UnitGroups, reference: &StateDict, model: &StateDict) -> Vec<Vec<usize>> {
        let mut orders: Vec<Vec<usize>> = groups.sizes().map(|units| (0..units).collect()).collect();
        // The model's tensors, reordered so far.
        let axes = (0..orders.len()).flat_map(|group| groups.axes(group));
        let mut current: BTreeMap<&str, Vec<u8>> =
            axes.map(|axis| (axis.tensor.as_str(), data(model, &axis.tensor).to_vec())).collect();
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        let mut stale = vec![true; orders.len()];
        for _ in 0..self.passes {
            let keys: Vec<u64> = orders.iter().map(|_| random.next_u64()).collect();
            let mut turns: Vec<usize> = (0..orders.len()).collect();
            turns.sort_by_key(|&group| keys[group]);
            for group in turns {
                if !take(&mut stale[group]) {
                    continue;
                }
                if let Some(order) = best_order(groups, group, reference, &current) {
                    for axis in groups.axes(group) {
                        let size = reference.get(&axis.tensor).map_or(0, |tensor| tensor.dtype.bitsize() / 8);
                        let data = current.get_mut(axis.tensor.as_str()).expect("all are copied");
                        axis.permute(size, data, &order);
                    }
                    orders[group] = order.iter().map(|&unit| orders[group][unit]).collect();
                    groups.neighbours(group).for_each(|other| stale[other] = true);
                }
            }
            if !stale.contains(&true) {
                break;
            }
        }
        orders
    }
}

/// Returns the order of a group's units that matches the reference best, unless it is theirs.
fn best_order(
    groups: &UnitGroups,
    group: usize,
    reference: &StateDict,
    current: &BTreeMap<&str, Vec<u8>>,
) -> Option<Vec<usize>> {
    let axes = groups.axes(group);
    let pairs = axes.iter().filter(|axis| !is_statistic(&axis.tensor)).map(|axis| {
        let tensor = reference.get(&axis.tensor).expect("the groups are those of the reference");
        Pair { axis, dtype: tensor.dtype, reference: tensor.data, model: &current[axis.tensor.as_str()] }
    });
    let units = axes[0].units;
    better_than_diagonal(&inner_products(units, &pairs.collect::<Vec<_>>()), units)
}

impl MergeMethod for Rebasin {
    fn name(&self) -> &str {
        KIND.name
    }

    fn settings(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        self.check().map_err(|reason| Error::Method { name: KIND.name.to_owned(), reason })?;
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
