//! Loads samples into batches, on threads.

mod batch;
mod config;
mod epoch;

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;

pub use batch::{Batch, Targets};
use batch::{Draw, Plan};
pub use config::{LoaderConfig, OnBadImage, batches};
pub use epoch::Epoch;

use crate::dataset::Dataset;
use crate::random::stream;

/// Makes the batches of any epoch.
///
/// Sample `i` of epoch `e` is augmented with `stream(seed, "augment", [e, i])`, and the order of
/// epoch `e` is a shuffle with `stream(seed, "shuffle", [e])`. If the indices repeat a sample, its
/// copies number 1, 2, … after the first are augmented with `stream(seed, "augment", [e, i, copy])`.
/// Batches depend on nothing else, so neither the number of threads nor earlier epochs change them.
///
/// ```
/// use std::sync::Arc;
///
/// use ff_data::{Augment, Loader, LoaderConfig, OnBadImage, Phantom, PhantomKind};
///
/// let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 32, [10, 0, 0], 0, false)?);
/// let config = LoaderConfig {
///     batch_size: 4,
///     image_size: 24,
///     augment: Augment::Medium,
///     shuffle: true,
///     seed: 0,
///     threads: 0,
///     prefetch: 1,
///     on_bad_image: OnBadImage::Error,
/// };
/// let loader = Loader::new(dataset, (0..10).collect(), config);
/// assert_eq!(loader.batches(), 3);
/// for batch in loader.epoch(0) {
///     let batch = batch?; // of 4, 4 and 2 samples
///     assert_eq!(batch.images.len(), batch.indices.len() * 24 * 24 * 3);
/// }
/// # Ok::<(), ff_data::Error>(())
/// ```
pub struct Loader {
    plan: Arc<Plan>,
    draws: Vec<Draw>,
    patience: Duration,
}

/// Time after which the thread of a missing batch counts as hung: far longer than any batch takes,
/// short enough to notice a disk that does not respond. With 0 threads there is no limit.
const PATIENCE: Duration = Duration::from_secs(600);

impl Loader {
    /// Creates a loader of the samples at `indices` of `dataset`, which may repeat.
    ///
    /// # Panics
    /// If `batch_size` or `image_size` is 0, or an index is out of range.
    pub fn new(dataset: Arc<dyn Dataset>, indices: Arc<[usize]>, config: LoaderConfig) -> Self {
        assert!(config.batch_size > 0 && config.image_size > 0, "batch_size and image_size are at least 1");
        let samples = dataset.samples().len();
        assert!(indices.iter().all(|&index| index < samples), "every index is a sample of the dataset");
        let draws = Draw::all(&indices, samples);
        Self { plan: Arc::new(Plan { dataset, config }), draws, patience: PATIENCE }
    }

    /// Returns the number of batches in an epoch without unreadable images.
    pub fn batches(&self) -> usize {
        batches(self.draws.len(), self.plan.config.batch_size)
    }

    /// Returns the batches of an epoch, in order. An error ends the epoch.
    ///
    /// With [`OnBadImage::Skip`], a batch without a readable image is left out. Its names are added
    /// to [`Batch::skipped`] of the batch after it or, at the end of the epoch, before it. An epoch
    /// without a readable image is an error.
    ///
    /// Threads start at once. When the iterator is dropped, each stops after its current image. A
    /// thread that panics or hangs gives an [`Error::Loader`](crate::Error::Loader).
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// Returns the batches of an epoch from number `first` on, as [`epoch`](Self::epoch) gives
    /// them.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Epoch {
        let config = &self.plan.config;
        let mut order = self.draws.clone();
        if config.shuffle {
            order.shuffle(&mut stream(config.seed, "shuffle", &[epoch]));
        }
        Epoch::start(self.plan.clone(), order.into(), epoch, first, self.patience)
    }
}

#[cfg(test)]
mod tests;
