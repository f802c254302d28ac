//! Recomputing of BatchNorm statistics for averaged weights.

use std::sync::Arc;

use ff_data::{Augment, Dataset, Loader, LoaderConfig, OnBadImage};
use ff_models::{Mode, Model};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::upload::send_images;

/// Training images from which a model's BatchNorm statistics are recomputed. The mean of several
/// models' statistics is not that of their mean model's activations (Izmailov et al. 2018,
/// Averaging weights leads to wider optima and better generalization, §3.2).
pub struct Recalibration {
    loader: Loader,
    images: usize,
    stop: CancelToken,
}

impl Recalibration {
    /// Takes the images `indices` of a dataset, resized and not augmented, in a fixed shuffled
    /// order, `batch_size` at a time, loaded by `threads` threads (0: the caller's).
    pub fn new(
        dataset: Arc<dyn Dataset>,
        indices: Arc<[usize]>,
        image_size: u32,
        batch_size: usize,
        threads: usize,
        on_bad_image: OnBadImage,
    ) -> Self {
        let images = indices.len();
        let config = LoaderConfig {
            batch_size,
            image_size,
            augment: Augment::Eval,
            shuffle: true,
            seed: 0,
            threads,
            prefetch: 2 * threads.max(1),
            on_bad_image,
        };
        Self { loader: Loader::new(dataset, indices, config), images, stop: CancelToken::default() }
    }

    /// Sets the token that is checked before every batch.
    pub fn stopped_by(self, stop: CancelToken) -> Self {
        Self { stop, ..self }
    }

    /// Returns the number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Replaces the model's BatchNorm statistics by the mean over the batches. A model without
    /// BatchNorm does not change.
    ///
    /// # Errors
    /// An unreadable image, unless these are skipped; no readable image; [`Error::Stopped`].
    pub fn run(&self, model: &Model) -> Result<(), Error> {
        if model.parameters().buffers().next().is_none() {
            return Ok(());
        }
        let mut number = 0;
        for batch in self.loader.epoch(0) {
            self.stop.check()?;
            let batch = batch?;
            if !batch.indices.is_empty() {
                number += 1;
                let mode = Mode::Recalibrate { batch: number };
                let images = send_images(&batch.images, batch.image_size, model.device());
                let _ = tch::no_grad(|| model.features(&images.receive(), mode));
            }
        }
        if number == 0 {
            return Err(Error::NoImages("to compute BatchNorm statistics from".into()));
        }
        Ok(())
    }
}
