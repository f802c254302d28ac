//! In-model merging as a hook of training, and its statistics.

use ff_inmerge::{InMerge, KernelStats, MergeStats, Merger};
use ff_models::Model;
use ff_train::{EpochRecord, StepHook};

use crate::error::Error;
use crate::job::LayerKernels;

/// Merges the kernels of a model's convolutions before each training step.
pub struct InmergeHook(Merger);

impl InmergeHook {
    /// The key of its reports in the history of a run.
    pub const NAME: &str = "inmerge";

    /// Makes a hook for a model. Random choices are drawn from `seed`.
    ///
    /// # Errors
    /// Settings that do not fit the model.
    pub fn new(settings: InMerge, seed: u64, model: &Model) -> Result<Self, Error> {
        let convolutions = model.parameters().convolutions().count();
        Ok(Self(Merger::new(settings, seed, convolutions)?))
    }

    /// Returns the merges of an epoch, layer by layer; empty for a run without merging.
    ///
    /// # Errors
    /// A history in another format.
    pub fn of(epoch: &EpochRecord) -> Result<Vec<MergeStats>, Error> {
        let report = epoch.hooks.get(Self::NAME).cloned().map(serde_json::from_value).transpose();
        Ok(report.map_err(|error| Error::Job(format!("history: {error}")))?.unwrap_or_default())
    }
}

impl StepHook for InmergeHook {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn before_forward(&mut self, step: usize, model: &Model) -> Result<(), ff_train::Error> {
        self.0.merge(step as u64, model.parameters().convolutions().map(|convolution| &convolution.tensor));
        Ok(())
    }

    fn report(&mut self) -> serde_json::Value {
        serde_json::to_value(self.0.take_stats()).expect("plain data has a JSON form")
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self.0.counts()).expect("plain data has a JSON form")
    }

    fn load_state(&mut self, state: serde_json::Value) -> Result<(), ff_train::Error> {
        let wrong = |reason: String| ff_train::Error::Config(format!("counts of merging: {reason}"));
        let counts = serde_json::from_value(state).map_err(|error| wrong(error.to_string()))?;
        self.0.resume(counts).map_err(|error| wrong(error.to_string()))
    }
}

/// Returns statistics of the kernels of each convolution of a model.
pub(crate) fn kernels(model: &Model) -> Vec<LayerKernels> {
    let layers = model.parameters().convolutions().enumerate();
    let of_layer = layers.map(|(at, weight)| LayerKernels {
        layer: at + 1,
        name: weight.name.clone(),
        stats: KernelStats::of(&weight.tensor),
    });
    of_layer.collect()
}
