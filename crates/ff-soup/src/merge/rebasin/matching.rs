//! Matching the units of a model to those of a reference.

use std::collections::BTreeMap;

use ff_checkpoint::StateDict;

use super::assignment::better_than_diagonal;
use super::groups::UnitGroups;
use super::products::{Pair, inner_products};
use crate::merge::blocks::is_statistic;
use crate::merge::mean::data;

/// A model, some of whose units have been reordered to match a reference.
pub(super) struct Matching<'a> {
    groups: &'a UnitGroups,
    reference: &'a StateDict,
    /// The model's tensors, reordered so far.
    current: BTreeMap<&'a str, Vec<u8>>,
    /// For each group, the place in the model of each unit.
    pub orders: Vec<Vec<usize>>,
}

impl<'a> Matching<'a> {
    pub fn new(groups: &'a UnitGroups, reference: &'a StateDict, model: &StateDict) -> Self {
        let orders: Vec<Vec<usize>> = groups.sizes().map(|units| (0..units).collect()).collect();
        let axes = (0..orders.len()).flat_map(|group| groups.axes(group));
        let current = axes.map(|axis| (axis.tensor.as_str(), data(model, &axis.tensor).to_vec())).collect();
        Self { groups, reference, current, orders }
    }

    /// Reorders a group's units to match the reference's best, the other groups being as they are.
    /// Returns whether that changed the order.
    ///
    /// Only the first `known` groups count: tensors that have units of others are left out.
    pub fn improve(&mut self, group: usize, known: usize) -> bool {
        let Self { groups, reference, current, orders } = self;
        let axes = groups.axes(group);
        let counts = |tensor: &str| {
            !is_statistic(tensor) && groups.of_tensor(tensor).all(|other| other == group || other < known)
        };
        let pairs = axes.iter().filter(|axis| counts(&axis.tensor)).map(|axis| {
            let tensor = reference.get(&axis.tensor).expect("the groups are those of the reference");
            Pair { axis, dtype: tensor.dtype, reference: tensor.data, model: &current[axis.tensor.as_str()] }
        });
        let units = axes[0].units;
        let products = inner_products(units, &pairs.collect::<Vec<_>>());
        let Some(order) = better_than_diagonal(&products, units) else { return false };
        for axis in axes {
            let size = reference.get(&axis.tensor).map_or(0, |tensor| tensor.dtype.bitsize() / 8);
            let data = current.get_mut(axis.tensor.as_str()).expect("all are copied");
            axis.permute(size, data, &order);
        }
        orders[group] = order.iter().map(|&unit| orders[group][unit]).collect();
        true
    }
}
