//! The loader's configuration, and how many batches it gives.
//!
//! A single sample left over at the end of an epoch joins the batch before it, and so does the only
//! readable one of a batch. BatchNorm cannot normalise one value, and libtorch, unlike PyTorch's
//! Python layer, does not refuse such a batch but computes NaN.

use serde::{Deserialize, Serialize};

use crate::augment::Augment;

/// The configuration of a [`Loader`](crate::Loader).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Samples per batch, at least 1. The last batch of an epoch may be smaller, and so may one with
    /// unreadable samples. A single sample left joins the batch before it, or after it if it is in
    /// the first, since BatchNorm cannot normalise a batch of one.
    pub batch_size: usize,
    /// Width and height of the images in a batch, in pixels, at least 1.
    pub image_size: u32,
    /// Augmentation of each image.
    pub augment: Augment,
    /// Whether to shuffle the samples in each epoch; otherwise they keep the order of the indices.
    pub shuffle: bool,
    /// Seed of order and augmentation.
    pub seed: u64,
    /// Threads that decode and augment; 0: the calling thread.
    pub threads: usize,
    /// Batches that may be ready before they are requested. The batch that each thread works on is
    /// not counted, and at least one per thread is allowed.
    pub prefetch: usize,
    /// How to handle an image that cannot be read.
    pub on_bad_image: OnBadImage,
}

/// How to handle an image that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnBadImage {
    /// Stop with the error.
    Error,
    /// Leave the image out, warn, and list it in the results.
    Skip,
}

/// Returns the number of batches that `samples` samples make; see [`LoaderConfig::batch_size`].
///
/// # Panics
/// If `batch_size` is 0.
pub fn batches(samples: usize, batch_size: usize) -> usize {
    let lone = batch_size > 1 && samples > 1 && samples % batch_size == 1;
    samples.div_ceil(batch_size) - usize::from(lone)
}
