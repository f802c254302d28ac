//! In-model merging over the steps of a run.

use tch::Tensor;

use crate::apply::apply;
use crate::config::InMerge;
use crate::error::Error;
use crate::plan::MergePlan;
use crate::stats::{Counter, MergeCounts, MergeStats};

/// Merges a network's kernels step by step and counts what it does.
#[derive(Debug)]
pub struct Merger {
    config: InMerge,
    seed: u64,
    /// One for each convolution beyond the shallow ones.
    counters: Vec<Counter>,
}

impl Merger {
    /// For a network of so many convolutions. Equal seeds merge alike.
    ///
    /// # Errors
    /// As [`InMerge::check`].
    pub fn new(config: InMerge, seed: u64, convolutions: usize) -> Result<Self, Error> {
        config.check(convolutions)?;
        let deep = convolutions - config.shallow_layers;
        Ok(Self { config, seed, counters: std::iter::repeat_with(Counter::default).take(deep).collect() })
    }

    /// The merges of one step, to be done before its forward pass: `convolutions` are the weights
    /// of all convolutions in forward order, `[outputs, inputs, height, width]`, shallow ones
    /// included; a ResNet's downsampling convolutions are not counted among them. They are changed
    /// in place, without a gradient. What happens depends on the seed, the step and the weights
    /// alone.
    ///
    /// On a GPU nothing here waits for the device.
    ///
    /// # Panics
    /// If their number is not the one that the merger was made for.
    pub fn merge<'a>(&mut self, step: u64, convolutions: impl IntoIterator<Item = &'a Tensor>) {
        let convolutions: Vec<&Tensor> = convolutions.into_iter().collect();
        let shallow = self.config.shallow_layers;
        assert_eq!(convolutions.len(), shallow + self.counters.len(), "the network's number of convolutions");
        tch::no_grad(|| {
            let deep = convolutions[shallow..].iter().zip(&mut self.counters);
            for ((weight, counter), layer) in deep.zip(shallow + 1..) {
                counter.kernels = weight.size()[0] as usize;
                let probability = self.config.merge_probability;
                let plan = MergePlan::draw(counter.kernels, probability, self.seed, step, layer);
                apply(weight, &plan, &self.config, counter);
            }
        });
    }

    /// What was done to each layer beyond the shallow ones since this was last asked. Waits for the
    /// device.
    pub fn take_stats(&mut self) -> Vec<MergeStats> {
        let first = self.config.shallow_layers + 1;
        self.counters.iter_mut().zip(first..).map(|(counter, layer)| counter.take(layer)).collect()
    }

    /// What was counted so far of what [`take_stats`](Self::take_stats) will give. Waits for the
    /// device.
    pub fn counts(&self) -> Vec<MergeCounts> {
        self.counters.iter().map(Counter::counts).collect()
    }

    /// Goes on counting from what [`counts`](Self::counts) gave.
    ///
    /// # Errors
    /// Counts of another number of layers.
    pub fn resume(&mut self, counts: Vec<MergeCounts>) -> Result<(), Error> {
        if counts.len() != self.counters.len() {
            let (expected, found) = (self.counters.len(), counts.len());
            return Err(Error::Counts { expected, found });
        }
        self.counters = counts.into_iter().map(Counter::from).collect();
        Ok(())
    }
}
