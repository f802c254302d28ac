//! The units of a network that can change places.

use ff_checkpoint::StateDict;

use super::axis::Axis;
use super::rules::axes;
use crate::error::Error;

/// The units of a network, such as channels, that can be reordered without changing its outputs: a
/// group for each layer, or for each residual stream.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use ff_soup::{OwnedTensor, StateDict, UnitGroups};
///
/// // A VGG of one convolution with two channels, whose maps of 1×2 are flattened, and two classes.
/// let linear = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
/// let tensors = BTreeMap::from([
///     ("features.0.weight".to_owned(), OwnedTensor::f32([2, 1, 1, 1], &[1.0, 2.0])),
///     ("classifier.0.weight".to_owned(), OwnedTensor::f32([2, 4], &linear)),
/// ]);
/// let weights = StateDict::from_tensors(tensors);
/// let groups = UnitGroups::of(&weights)?;
/// assert_eq!(groups.sizes().collect::<Vec<_>>(), [2]);
///
/// let swapped = groups.permuted(&weights, &[vec![1, 0]]);
/// let values = |name| swapped.get(name).unwrap().to_f32().unwrap();
/// assert_eq!(values("features.0.weight"), [2.0, 1.0]);
/// assert_eq!(values("classifier.0.weight"), [2.0, 3.0, 0.0, 1.0, 6.0, 7.0, 4.0, 5.0]);
/// # Ok::<(), ff_soup::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UnitGroups {
    /// In the order from inputs to outputs.
    groups: Vec<Vec<Axis>>,
}

impl UnitGroups {
    /// Finds the groups by the names and shapes of the tensors, of a ResNet with timm's names or a
    /// VGG with torchvision's.
    ///
    /// # Errors
    /// [`Error::Merge`] for the first tensor that no rule covers, or that does not fit its rule.
    pub fn of(weights: &StateDict) -> Result<Self, Error> {
        Ok(Self { groups: axes(weights)? })
    }

    /// Iterates over the number of units of each group.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> {
        // A group begins with the outputs of its first layer.
        self.groups.iter().map(|axes| axes[0].units)
    }

    /// Reorders the units of weights: unit `u` of group `g` is then what unit `orders[g][u]` was.
    ///
    /// # Panics
    /// If there is not one order for each group, or an order is not as long as its group; if the
    /// weights are of another network.
    pub fn permuted(&self, weights: &StateDict, orders: &[Vec<usize>]) -> StateDict {
        assert!(self.sizes().eq(orders.iter().map(Vec::len)), "an order for each group, of its units");
        weights.refilled(|rooms| {
            for (name, tensor, room) in rooms {
                room.copy_from_slice(tensor.data);
                for (axes, order) in self.groups.iter().zip(orders) {
                    for axis in axes.iter().filter(|axis| axis.tensor == name) {
                        axis.permute(tensor.dtype.bitsize() / 8, room, order);
                    }
                }
            }
        })
    }

    /// The axes of a group.
    pub(super) fn axes(&self, group: usize) -> &[Axis] {
        &self.groups[group]
    }

    /// Returns the groups that a tensor has units of.
    pub(super) fn of_tensor(&self, tensor: &str) -> impl Iterator<Item = usize> {
        (0..self.groups.len()).filter(move |&group| self.axes(group).iter().any(|axis| axis.tensor == tensor))
    }

    /// Returns the other groups that have a tensor in common with this one, some more than once.
    pub(super) fn neighbours(&self, group: usize) -> impl Iterator<Item = usize> {
        let all = self.axes(group).iter().flat_map(move |axis| self.of_tensor(&axis.tensor));
        all.filter(move |&other| other != group)
    }
}
