//! How samples become batches.

use serde::{Deserialize, Serialize};

use crate::augment::Augment;

/// How samples become batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Samples in a batch. The last one of an epoch takes what is left, which may be less; a single
    /// sample that is left over joins the batch before it, since BatchNorm cannot normalise a batch
    /// of one.
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
    /// Batches that may be ready before they are asked for, besides the one that each thread works
    /// on. At least one for each thread is allowed.
    pub prefetch: usize,
    /// What to do about a picture that cannot be read.
    pub on_bad_image: OnBadImage,
}

/// What to do about a picture that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnBadImage {
    /// The epoch ends with the error.
    Error,
    /// The picture is left out and named in [`Batch::skipped`](crate::Batch::skipped).
    Skip,
}

/// Batches that a number of samples makes ([`LoaderConfig::batch_size`]).
///
/// # Panics
/// If `batch_size` is 0.
pub fn batches(samples: usize, batch_size: usize) -> usize {
    let lone = batch_size > 1 && samples > 1 && samples % batch_size == 1;
    samples.div_ceil(batch_size) - usize::from(lone)
}
