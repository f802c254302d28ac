//! Recomputing of BatchNorm statistics for averaged weights.

use std::sync::{Arc, OnceLock};

use ff_data::{Augment, Batch, Dataset, Loader, LoaderConfig, OnBadImage};
use ff_models::{Mode, Model};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::upload::send_images;

/// The usual number of images from which BatchNorm statistics are recomputed: more change them
/// little.
pub const BN_IMAGES: usize = 2048;

/// Images of up to this many bytes of pixels stay in memory after the first pass: a selection
/// recomputes statistics for every candidate.
const KEEP_BYTES: usize = 512 << 20;

/// Training images from which a model's BatchNorm statistics are recomputed. The mean of several
/// models' statistics is not that of their mean model's activations (Izmailov et al. 2018,
/// Averaging weights leads to wider optima and better generalization, §3.2).
///
/// The BatchNorm statistics are those of PyTorch's `torch.optim.swa_utils.update_bn` over the same
/// batches. [`fisher`](crate::fisher()) and [`gram`](crate::gram()) compute statistics from such
/// images too.
pub struct Recalibration {
    loader: Loader,
    images: usize,
    /// Of the pixels.
    bytes: usize,
    first_pass: OnceLock<FirstPass>,
    stop: CancelToken,
}

/// The results of the first pass.
struct FirstPass {
    /// All batches, if they fit into [`KEEP_BYTES`]; else none.
    batches: Vec<Batch>,
    skipped: Vec<String>,
}

impl Recalibration {
    /// Takes the images `indices` of a dataset, resized and not augmented, in a fixed shuffled
    /// order, `batch_size` at a time, at least 2, loaded by `threads` threads (0: the caller's). A
    /// batch that is left with one image joins the one before it: alone it has no variance in layers
    /// of one value per channel, where PyTorch raises an error.
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
            batch_size: batch_size.max(2),
            image_size,
            augment: Augment::Eval,
            shuffle: true,
            seed: 0,
            threads,
            prefetch: 2 * threads.max(1),
            on_bad_image,
        };
        let bytes = images * 3 * (image_size as usize).pow(2);
        let loader = Loader::new(dataset, indices, config);
        Self { loader, images, bytes, first_pass: OnceLock::new(), stop: CancelToken::default() }
    }

    /// Returns at most `images` of the training images, evenly spread over them, since many
    /// datasets list their classes one after the other.
    pub fn sample(train: &[usize], images: usize) -> Arc<[usize]> {
        let images = train.len().min(images);
        (0..images).map(|at| train[at * train.len() / images]).collect()
    }

    /// Sets the token that is checked before every batch.
    pub fn stopped_by(self, stop: CancelToken) -> Self {
        Self { stop, ..self }
    }

    /// Returns the number of images, unreadable ones included.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Returns the names of the unreadable images that are left out; known after the first pass.
    pub fn skipped(&self) -> &[String] {
        self.first_pass.get().map_or(&[], |pass| pass.skipped.as_slice())
    }

    /// Returns the bytes of pixels that stay in memory after the first pass.
    pub fn kept_bytes(&self) -> usize {
        if self.fits() { self.bytes } else { 0 }
    }

    fn fits(&self) -> bool {
        self.bytes <= KEEP_BYTES
    }

    /// Replaces the model's BatchNorm statistics by the mean over the batches. A model without
    /// BatchNorm does not change.
    ///
    /// # Errors
    /// An unreadable image, unless these are skipped; no readable image; [`Error::Config`] for only
    /// one; [`Error::Stopped`].
    pub fn run(&self, model: &Model) -> Result<(), Error> {
        if model.parameters().buffers().next().is_none() {
            return Ok(());
        }
        let mut number = 0;
        self.for_each_batch(|batch| {
            if batch.indices.len() == 1 {
                return Err(Error::Config(
                    "BatchNorm statistics: expected at least two readable training images, found one\n\
                     hint: raise bn_images, or set bn to \"averaged\""
                        .into(),
                ));
            }
            number += 1;
            let images = send_images(&batch.images, batch.image_size, model.device());
            let mode = Mode::Recalibrate { batch: number };
            let _ = tch::no_grad(|| model.features(&images.receive(), mode));
            Ok(())
        })
    }

    /// Calls `each` with every batch, in order, and checks the token before each.
    ///
    /// # Errors
    /// As [`run`](Self::run), and those of `each`.
    pub(crate) fn for_each_batch(
        &self,
        mut each: impl FnMut(&Batch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut is_empty = true;
        let mut visit = |batch: &Batch| {
            self.stop.check()?;
            is_empty = false;
            each(batch)
        };
        match self.first_pass.get().filter(|_| self.fits()) {
            Some(pass) => pass.batches.iter().try_for_each(&mut visit)?,
            None => {
                let (mut batches, mut skipped) = (Vec::new(), Vec::new());
                for batch in self.loader.epoch(0) {
                    let batch = batch?;
                    visit(&batch)?;
                    skipped.extend(batch.skipped.iter().cloned());
                    if self.fits() {
                        batches.push(batch);
                    }
                }
                // Another thread may have been first, with the same batches.
                let _ = self.first_pass.set(FirstPass { batches, skipped });
            }
        }
        if is_empty {
            return Err(Error::NoImages("to compute statistics from".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly() {
        let train: Vec<usize> = (0..3 * BN_IMAGES).collect();
        let sample = Recalibration::sample(&train, BN_IMAGES);
        assert_eq!((sample.len(), sample[0], sample[1]), (BN_IMAGES, 0, 3));
        assert_eq!(sample[BN_IMAGES - 1], 3 * (BN_IMAGES - 1));
        assert_eq!(*Recalibration::sample(&[4, 2, 9], BN_IMAGES), [4, 2, 9]);
        assert!(Recalibration::sample(&[], BN_IMAGES).is_empty());
    }
}
