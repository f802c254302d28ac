//! In-model merging over the steps of a run.

use tch::Tensor;

use crate::apply::{apply, pairs};
use crate::config::InMerge;
use crate::error::Error;
use crate::plan::MergePlan;
use crate::stats::{Counter, MergeCounts, MergeStats};

/// Merges a network's kernels step by step and counts the merges.
///
/// ```
/// use ff_inmerge::tch::{Device, Kind, Tensor};
/// use ff_inmerge::{InMerge, Merger};
///
/// let ones = |size: [i64; 4]| Tensor::ones(size, (Kind::Float, Device::Cpu));
/// let weights = [ones([8, 3, 3, 3]), ones([4, 8, 3, 3])]; // convolutions in forward order
/// let config = InMerge { shallow_layers: 1, merge_probability: 1.0, ..InMerge::default() };
/// let mut merger = Merger::new(config, 0, weights.len())?;
/// merger.merge(1, &weights);
/// assert_eq!(merger.take_stats()[0].merged, 4); // equal kernels are similar
/// # Ok::<(), ff_inmerge::Error>(())
/// ```
#[derive(Debug)]
pub struct Merger {
    config: InMerge,
    seed: u64,
    /// One for each convolution beyond the shallow ones.
    counters: Vec<Counter>,
}

impl Merger {
    /// Makes a merger for a network with this number of convolutions. Equal seeds give equal
    /// merges.
    ///
    /// # Errors
    /// As [`InMerge::check`].
    pub fn new(config: InMerge, seed: u64, convolutions: usize) -> Result<Self, Error> {
        config.check(convolutions)?;
        let deep = convolutions - config.shallow_layers;
        Ok(Self { config, seed, counters: std::iter::repeat_with(Counter::default).take(deep).collect() })
    }

    /// Merges kernels for one step; call it before the step's forward pass. `convolutions` are the
    /// weights of all convolutions in forward order, `[outputs, inputs, height, width]`, shallow
    /// ones included; a ResNet's downsampling convolutions are not counted among them. They are
    /// changed in place, without a gradient. The result depends only on the seed, the step and the
    /// weights.
    ///
    /// On a GPU it does not wait for the device.
    ///
    /// # Panics
    /// If the number of convolutions is not the one given to [`new`](Self::new).
    pub fn merge<'a>(&mut self, step: u64, convolutions: impl IntoIterator<Item = &'a Tensor>) {
        let convolutions: Vec<&Tensor> = convolutions.into_iter().collect();
        let shallow = self.config.shallow_layers;
        assert_eq!(convolutions.len(), shallow + self.counters.len(), "the network's number of convolutions");
        let deep = &convolutions[shallow..];
        let Some(device) = deep.first().map(|weight| weight.device()) else { return };
        let probability = self.config.merge_probability;
        let plans: Vec<MergePlan> = deep
            .iter()
            .zip(shallow + 1..)
            .map(|(weight, layer)| {
                MergePlan::draw(weight.size()[0] as usize, probability, self.seed, step, layer)
            })
            .collect();
        tch::no_grad(|| {
            let pairs = pairs(&plans, device);
            for ((weight, pairs), counter) in deep.iter().zip(&pairs).zip(&mut self.counters) {
                counter.kernels = weight.size()[0] as usize;
                apply(weight, pairs, &self.config, counter);
            }
        });
    }

    /// Returns the statistics of each layer beyond the shallow ones since the last call, and resets
    /// them. Waits for the device.
    pub fn take_stats(&mut self) -> Vec<MergeStats> {
        let first = self.config.shallow_layers + 1;
        self.counters.iter_mut().zip(first..).map(|(counter, layer)| counter.take(layer)).collect()
    }

    /// Returns the counts since the last call of [`take_stats`](Self::take_stats), without
    /// resetting them. Waits for the device.
    pub fn counts(&self) -> Vec<MergeCounts> {
        self.counters.iter().map(Counter::counts).collect()
    }

    /// Resumes counting from the counts that [`counts`](Self::counts) returned.
    ///
    /// # Errors
    /// [`Error::Counts`] for counts of another number of layers.
    pub fn resume(&mut self, counts: Vec<MergeCounts>) -> Result<(), Error> {
        if counts.len() != self.counters.len() {
            let (expected, found) = (self.counters.len(), counts.len());
            return Err(Error::Counts { expected, found });
        }
        self.counters = counts.into_iter().map(Counter::from).collect();
        Ok(())
    }
}
