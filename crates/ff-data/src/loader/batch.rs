//! Batches, and how they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand_chacha::ChaCha8Rng;

use crate::dataset::{Dataset, Target, Task};
use crate::error::Error;
use crate::loader::config::{LoaderConfig, OnBadImage};
use crate::random::stream;

/// Images and targets that are trained on or predicted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Position in the epoch, from 0; that of the last one if several were joined.
    /// [`Loader::epoch_from`](super::Loader::epoch_from) starts with the batch of this number.
    pub number: usize,
    /// RGB, `N * image_size * image_size * 3` bytes, NHWC.
    pub images: Vec<u8>,
    /// Width and height of each image, in pixels.
    pub image_size: u32,
    /// Indices of the N samples in the dataset, in order; a loader returns no empty batch.
    pub indices: Vec<usize>,
    /// Targets of the N samples.
    pub targets: Targets,
    /// Samples that were left out because they cannot be read: id and reason.
    pub skipped: Vec<String>,
}

/// Targets of a batch of N samples.
#[derive(Clone, Debug)]
pub enum Targets {
    /// N class indices.
    Classes(Vec<i64>),
    /// Row-major N × tasks: 0, 1, or NaN for unknown.
    Labels(Vec<f32>),
}

impl Batch {
    /// Adds the samples of the batch that follows.
    pub(super) fn append(&mut self, mut next: Self) {
        self.number = next.number;
        self.images.append(&mut next.images);
        self.indices.append(&mut next.indices);
        self.skipped.append(&mut next.skipped);
        match (&mut self.targets, next.targets) {
            (Targets::Classes(classes), Targets::Classes(more)) => classes.extend(more),
            (Targets::Labels(rows), Targets::Labels(more)) => rows.extend(more),
            _ => panic!("batches of one dataset have targets of one kind"),
        }
    }
}

impl PartialEq for Targets {
    /// Unknown labels compare equal.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Classes(a), Self::Classes(b)) => a == b,
            (Self::Labels(a), Self::Labels(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
            }
            _ => false,
        }
    }
}

impl Targets {
    fn push(&mut self, target: &Target) {
        match (self, target) {
            (Self::Classes(classes), Target::Class(class)) => classes.push(*class as i64),
            (Self::Labels(rows), Target::Labels(labels)) => {
                let value =
                    |label: &Option<bool>| label.map_or(f32::NAN, |positive| f32::from(u8::from(positive)));
                rows.extend(labels.iter().map(value));
            }
            _ => panic!("targets match the task of their dataset"),
        }
    }
}

/// One sample of an epoch.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// Its index in the dataset.
    pub index: usize,
    /// Number of earlier entries in the loader's list that are the same sample.
    pub copy: u64,
}

impl Draw {
    /// Numbers the copies of each sample in a list of indices, each below `samples`.
    pub fn all(indices: &[usize], samples: usize) -> Vec<Self> {
        let mut copies = vec![0; samples];
        let draw = |&index: &usize| {
            let copy = copies[index];
            copies[index] += 1;
            Self { index, copy }
        };
        indices.iter().map(draw).collect()
    }

    /// Returns the generator of its augmentation. The first copy has that of a sample that is in the
    /// list once.
    fn stream(self, seed: u64, epoch: u64) -> ChaCha8Rng {
        let place = [epoch, self.index as u64, self.copy];
        stream(seed, "augment", if self.copy == 0 { &place[..2] } else { &place[..] })
    }
}

/// The state that the loader's threads share.
pub(super) struct Plan {
    pub dataset: Arc<dyn Dataset>,
    pub config: LoaderConfig,
}

impl Plan {
    /// Makes the batch of `draws`; `None` if `stop` is set before it is complete.
    pub fn batch(
        &self,
        number: usize,
        draws: &[Draw],
        epoch: u64,
        stop: &AtomicBool,
    ) -> Option<Result<Batch, Error>> {
        let image_size = self.config.image_size;
        let mut batch = Batch {
            number,
            images: Vec::with_capacity(draws.len() * image_size as usize * image_size as usize * 3),
            image_size,
            indices: Vec::with_capacity(draws.len()),
            targets: match self.dataset.task() {
                Task::Multiclass { .. } => Targets::Classes(Vec::with_capacity(draws.len())),
                Task::Multilabel { tasks } => Targets::Labels(Vec::with_capacity(draws.len() * tasks.len())),
            },
            skipped: Vec::new(),
        };
        for &draw in draws {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let sample = &self.dataset.samples()[draw.index];
            match self.dataset.image(draw.index) {
                Ok(image) => {
                    let mut rng = draw.stream(self.config.seed, epoch);
                    batch
                        .images
                        .extend_from_slice(&self.config.augment.apply(&image, image_size, &mut rng).data);
                    batch.indices.push(draw.index);
                    batch.targets.push(&sample.target);
                }
                Err(error) => match self.config.on_bad_image {
                    OnBadImage::Error => return Some(Err(error)),
                    OnBadImage::Skip => {
                        tracing::warn!(id = sample.id, %error, "image skipped");
                        batch.skipped.push(format!("{}: {error}", sample.id));
                    }
                },
            }
        }
        Some(Ok(batch))
    }
}
