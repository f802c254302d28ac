//! Samples to batches, on threads.

mod batch;
mod config;
mod epoch;

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;

use batch::Plan;
pub use batch::{Batch, Targets};
pub use config::{LoaderConfig, OnBadImage, batches};
pub use epoch::Epoch;

use crate::dataset::Dataset;
use crate::random::stream;

/// Makes the batches of any epoch.
///
/// Sample `i` of epoch `e` is augmented with `stream(seed, "augment", [e, i])`, and the order of
/// epoch `e` is a shuffle with `stream(seed, "shuffle", [e])`: batches depend on nothing else,
/// neither on the number of threads nor on which epochs ran before.
pub struct Loader {
    plan: Arc<Plan>,
    indices: Arc<[usize]>,
    patience: Duration,
}

/// How long a batch may take before its thread counts as hung: far longer than any does, and yet a
/// disk that never answers is noticed. In the caller's thread (0 threads) it is not watched.
const PATIENCE: Duration = Duration::from_secs(600);

impl Loader {
    /// A loader of the samples at `indices` of `dataset`.
    ///
    /// # Panics
    /// If `batch_size` or `image_size` is 0, or an index is out of range.
    pub fn new(dataset: Arc<dyn Dataset>, indices: Arc<[usize]>, config: LoaderConfig) -> Self {
        assert!(config.batch_size > 0 && config.image_size > 0, "batches and pictures have a size");
        let samples = dataset.samples().len();
        assert!(indices.iter().all(|&index| index < samples), "every index is a sample of the dataset");
        Self { plan: Arc::new(Plan { dataset, config }), indices, patience: PATIENCE }
    }

    /// Batches in an epoch, if no picture is bad.
    pub fn batches(&self) -> usize {
        batches(self.indices.len(), self.plan.config.batch_size)
    }

    /// The batches of an epoch, in order. After an error there are no more.
    ///
    /// With [`OnBadImage::Skip`] a batch in which no picture is good is left out, and its names go
    /// to the batch after it, or before it at the end of the epoch; an epoch without any good
    /// picture is an error.
    ///
    /// Its threads start now and stop when the iterator is dropped, which takes no longer than the
    /// picture that they are at. A thread that panics or hangs is an
    /// [`Error::Loader`](crate::Error::Loader).
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from the `first` on, exactly as [`epoch`](Self::epoch) would give
    /// them.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Epoch {
        let config = &self.plan.config;
        let mut order = self.indices.to_vec();
        if config.shuffle {
            order.shuffle(&mut stream(config.seed, "shuffle", &[epoch]));
        }
        Epoch::start(self.plan.clone(), order.into(), epoch, first, self.patience)
    }
}

#[cfg(test)]
mod tests;
