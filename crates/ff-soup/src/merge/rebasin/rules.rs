//! Which axes of a network's tensors have the same units: ResNet with timm's names, VGG with
//! torchvision's.
//!
//! DeiT has no rule. Its attention heads would have to be permuted too, and their number is not in
//! the shapes of its tensors.

use std::collections::BTreeSet;

use ff_checkpoint::{StateDict, TensorRef};

use super::axis::Axis;
use crate::error::Error;

/// Finds the axes of each group of units.
///
/// # Errors
/// [`Error::Merge`] for the first tensor that no rule covers, or that does not fit its rule.
pub(super) fn axes(weights: &StateDict) -> Result<Vec<Vec<Axis>>, Error> {
    let mut rules = Rules { weights, groups: Vec::new(), covered: BTreeSet::new() };
    if rules.has("features.0.weight") {
        rules.vgg()?;
    } else if rules.has("conv1.weight") {
        rules.resnet()?;
    }
    match weights.names().find(|name| !rules.covered.contains(*name)) {
        None => Ok(rules.groups.into_iter().map(|group| group.axes).collect()),
        Some(name) => Err(Error::Merge {
            tensor: name.to_owned(),
            reason: "no rule of permutations for a network with this tensor\n\
                hint: rebasin needs a ResNet with timm's names or a VGG with torchvision's"
                .to_owned(),
        }),
    }
}

/// Units that have one order.
struct Group {
    units: usize,
    axes: Vec<Axis>,
}

struct Rules<'a> {
    weights: &'a StateDict,
    groups: Vec<Group>,
    covered: BTreeSet<String>,
}

impl<'a> Rules<'a> {
    fn has(&self, tensor: &str) -> bool {
        self.weights.get(tensor).is_some()
    }

    fn tensor(&self, name: &str) -> Result<TensorRef<'a>, Error> {
        self.weights.get(name).ok_or_else(|| Error::Merge {
            tensor: name.to_owned(),
            reason: "the network's other tensors need it, found none".to_owned(),
        })
    }

    /// Starts a group: the outputs of a layer.
    fn outputs(&mut self, layer: &str) -> Result<usize, Error> {
        let shape = self.tensor(&format!("{layer}.weight"))?.shape;
        let units = shape.first().copied().unwrap_or(0);
        self.groups.push(Group { units, axes: Vec::new() });
        Ok(self.groups.len() - 1)
    }

    /// Adds an axis of a tensor to a group. Without a group the axis stays as it is: the classes,
    /// or the colours of an image.
    fn axis(&mut self, tensor: &str, axis: usize, group: Option<usize>) -> Result<(), Error> {
        let shape = self.tensor(tensor)?.shape;
        self.covered.insert(tensor.to_owned());
        let Some(group) = group else { return Ok(()) };
        let Group { units, axes } = &mut self.groups[group];
        let units = *units;
        let size = shape.get(axis).copied().unwrap_or(0);
        // The inputs of the first linear layer after convolutions are a flattened feature map.
        let flattened = shape.len() == 2 && axis == 1;
        if units == 0 || size == 0 || size % units != 0 || (size != units && !flattened) {
            let reason = format!("expected {units} units on axis {axis}, found the shape {shape:?}");
            return Err(Error::Merge { tensor: tensor.to_owned(), reason });
        }
        let inner = size / units * shape[axis + 1..].iter().product::<usize>();
        let outer = shape[..axis].iter().product();
        axes.push(Axis { tensor: tensor.to_owned(), outer, units, inner });
        Ok(())
    }

    /// Covers a convolution or a linear layer.
    fn layer(&mut self, name: &str, inputs: Option<usize>, outputs: Option<usize>) -> Result<(), Error> {
        let [weight, bias] = ["weight", "bias"].map(|tensor| format!("{name}.{tensor}"));
        self.axis(&weight, 0, outputs)?;
        self.axis(&weight, 1, inputs)?;
        if self.has(&bias) { self.axis(&bias, 0, outputs) } else { Ok(()) }
    }

    /// Covers a BatchNorm.
    fn norm(&mut self, name: &str, group: usize) -> Result<(), Error> {
        for tensor in ["weight", "bias", "running_mean", "running_var"] {
            self.axis(&format!("{name}.{tensor}"), 0, Some(group))?;
        }
        self.covered.insert(format!("{name}.num_batches_tracked"));
        Ok(())
    }

    /// Covers a ResNet. The residual stream of a stage has one order: that of the shortcut's
    /// convolution and of the last convolution of every block.
    fn resnet(&mut self) -> Result<(), Error> {
        let mut stream = self.outputs("conv1")?;
        self.layer("conv1", None, Some(stream))?;
        self.norm("bn1", stream)?;
        let (mut stage, mut block) = (1, 0);
        loop {
            let name = format!("layer{stage}.{block}");
            if self.has(&format!("{name}.conv1.weight")) {
                stream = self.block(&name, stream)?;
                block += 1;
            } else if block > 0 {
                (stage, block) = (stage + 1, 0);
            } else {
                return self.layer("fc", Some(stream), None);
            }
        }
    }

    /// Covers a residual block, basic or bottleneck, and returns the group of its outputs.
    fn block(&mut self, name: &str, inputs: usize) -> Result<usize, Error> {
        let mut outputs = inputs;
        let shortcut = format!("{name}.downsample.0");
        if self.has(&format!("{shortcut}.weight")) {
            outputs = self.outputs(&shortcut)?;
            self.layer(&shortcut, Some(inputs), Some(outputs))?;
            self.norm(&format!("{name}.downsample.1"), outputs)?;
        }
        let last = if self.has(&format!("{name}.conv3.weight")) { 3 } else { 2 };
        let mut before = inputs;
        for number in 1..=last {
            let conv = format!("{name}.conv{number}");
            let after = if number == last { outputs } else { self.outputs(&conv)? };
            self.layer(&conv, Some(before), Some(after))?;
            self.norm(&format!("{name}.bn{number}"), after)?;
            before = after;
        }
        Ok(outputs)
    }

    /// Covers a VGG, with or without BatchNorm.
    fn vgg(&mut self) -> Result<(), Error> {
        let mut before = None;
        for layer in self.numbered("features") {
            if self.tensor(&format!("{layer}.weight"))?.shape.len() == 4 {
                let after = self.outputs(&layer)?;
                self.layer(&layer, before, Some(after))?;
                before = Some(after);
            } else if let Some(group) = before {
                self.norm(&layer, group)?;
            }
        }
        let layers = self.numbered("classifier");
        for (at, layer) in layers.iter().enumerate() {
            let after = if at + 1 < layers.len() { Some(self.outputs(layer)?) } else { None };
            self.layer(layer, before, after)?;
            before = after;
        }
        Ok(())
    }

    /// Returns the layers `prefix.N` that have weights, by number.
    fn numbered(&self, prefix: &str) -> Vec<String> {
        let number = |name: &str| {
            let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
            rest.strip_suffix(".weight")?.parse::<usize>().ok()
        };
        let numbers: BTreeSet<usize> = self.weights.names().filter_map(number).collect();
        numbers.into_iter().map(|number| format!("{prefix}.{number}")).collect()
    }
}
