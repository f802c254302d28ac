//! Samples to batches, on threads.

mod batch;
mod epoch;

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;

pub use batch::{Batch, Targets};
pub use epoch::Epoch;

use crate::augment::Augment;
use crate::dataset::Dataset;
use crate::random::stream;

/// How samples become batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Samples in a batch. The last one of an epoch takes what is left, which may be less; a single sample
    /// that is left over joins the batch before it, since BatchNorm cannot normalise a batch of one.
    pub batch_size: usize,
    /// Width and height of the pictures in a batch.
    pub image_size: u32,
    /// What is done to each picture.
    pub augment: Augment,
    /// Whether each epoch has its own order, or all have that of the indices.
    pub shuffle: bool,
    /// Seed of order and augmentation.
    pub seed: u64,
    /// Threads that decode and augment; 0 does it in the caller's.
    pub threads: usize,
    /// Batches that may be ready before they are asked for, besides the one that each thread works on. At
    /// least one for each thread is allowed.
    pub prefetch: usize,
    /// What to do about a picture that cannot be read.
    pub on_bad_image: OnBadImage,
}

/// What to do about a picture that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadImage {
    /// The epoch ends with the error.
    Error,
    /// The picture is left out and named in [`Batch::skipped`].
    Skip,
}

/// Makes the batches of any epoch.
///
/// Sample `i` of epoch `e` is augmented with `stream(seed, "augment", [e, i])`, and the order of epoch `e`
/// is a shuffle with `stream(seed, "shuffle", [e])`: batches depend on nothing else, neither on the number
/// of threads nor on which epochs ran before.
pub struct Loader {
    plan: Arc<Plan>,
    indices: Arc<[usize]>,
    patience: Duration,
}

/// How long a batch may take: far longer than any does, and yet a disk that never answers is noticed.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the threads share.
struct Plan {
    dataset: Arc<dyn Dataset>,
    config: LoaderConfig,
}

impl LoaderConfig {
    fn batches(&self, samples: usize) -> usize {
        batches(samples, self.batch_size)
    }
}

/// Batches that a number of samples makes ([`LoaderConfig::batch_size`]).
///
/// # Panics
/// If `batch_size` is 0.
pub fn batches(samples: usize, batch_size: usize) -> usize {
    let lone = batch_size > 1 && samples > 1 && samples % batch_size == 1;
    samples.div_ceil(batch_size) - usize::from(lone)
}

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

    /// With another time that a batch may take before a thread counts as hung; ten minutes if never said. In the caller's
    /// thread (0 threads) it is not watched.
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Batches in an epoch, if no picture is bad.
    pub fn batches(&self) -> usize {
        self.plan.config.batches(self.indices.len())
    }

    /// Samples in an epoch, if no picture is bad.
    pub fn samples(&self) -> usize {
        self.indices.len()
    }

    /// The batches of an epoch, in order. After an error there are no more.
    ///
    /// With [`OnBadImage::Skip`] a batch in which no picture is good is left out, and its names go to the
    /// batch after it, or before it at the end of the epoch; an epoch without any good picture is an error.
    ///
    /// Its threads start now and stop when the iterator is dropped, which takes no longer than the picture
    /// that they are at. A thread that panics or hangs is an [`Error::Loader`](crate::Error::Loader).
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from the `first` on, exactly as [`epoch`](Self::epoch) would give them.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Epoch {
        let config = &self.plan.config;
        let mut order = self.indices.to_vec();
        if config.shuffle {
            order.shuffle(&mut stream(config.seed, "shuffle", &[epoch]));
        }
        Epoch::start(self.plan.clone(), order.into(), (epoch, first), self.patience)
    }
}

#[cfg(test)]
mod tests;
