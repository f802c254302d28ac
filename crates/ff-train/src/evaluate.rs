//! Predictions of a model on a set of images.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ff_data::{Augment, Batch, Dataset, Loader, LoaderConfig, OnBadImage, Targets};
use ff_eval::{OutputMap, Predictions};
use ff_models::{Mode, Model};
use ff_torch_sys::Sent;
use tch::{Device, Tensor};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::upload::send_images;

/// Sets of up to this many bytes of pixels stay in memory after the first pass: selection evaluates
/// the same few thousand images hundreds of times.
const KEEP_BYTES: usize = 256 << 20;

/// Images per batch of a full evaluation.
const BATCH: usize = 256;
/// Images per batch of an evaluation that may end early, on the CPU.
const CHUNK: usize = 32;

/// A set of images to evaluate on, in a fixed order. It can be shared between threads.
///
/// ```
/// use std::sync::Arc;
///
/// use ff_data::{OnBadImage, Phantom, PhantomKind};
/// use ff_models::{Architecture, Spec};
/// use ff_train::tch::Device;
/// use ff_train::{EvalSet, Model};
///
/// let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [0, 0, 12], 1, false)?);
/// let set = EvalSet::new(dataset, (0..12).collect(), 16, 0, OnBadImage::Error);
/// let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, 6) };
/// let predictions = set.predict(&Model::new(&spec, Device::Cpu, 0)?, None)?;
/// assert_eq!(predictions.len(), 12);
/// # Ok::<(), ff_train::Error>(())
/// ```
pub struct EvalSet {
    dataset: Arc<dyn Dataset>,
    indices: Arc<[usize]>,
    config: LoaderConfig,
    first_pass: OnceLock<FirstPass>,
    fits: bool,
    stop: CancelToken,
}

/// The results of the first pass.
struct FirstPass {
    /// All batches, if they fit into [`KEEP_BYTES`]; else none.
    batches: Vec<Batch>,
    skipped: Vec<String>,
    /// Index in the dataset of each row of the predictions.
    rows: Vec<usize>,
}

impl EvalSet {
    /// Makes a set of the images `indices` of a dataset, resized to `image_size` and loaded by
    /// `threads` threads (0: the caller's).
    pub fn new(
        dataset: Arc<dyn Dataset>,
        indices: Arc<[usize]>,
        image_size: u32,
        threads: usize,
        on_bad_image: OnBadImage,
    ) -> Self {
        let bytes = indices.len() * 3 * (image_size as usize).pow(2);
        let config = LoaderConfig {
            batch_size: BATCH,
            image_size,
            augment: Augment::Eval,
            shuffle: false,
            seed: 0,
            threads,
            prefetch: 2,
            on_bad_image,
        };
        Self {
            dataset,
            indices,
            config,
            first_pass: OnceLock::new(),
            fits: bytes <= KEEP_BYTES,
            stop: CancelToken::default(),
        }
    }

    /// Sets the token that is checked before every batch.
    pub fn stopped_by(self, stop: CancelToken) -> Self {
        Self { stop, ..self }
    }

    /// Returns the number of images, unreadable ones included.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Returns whether the set has no images.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Returns the names of the unreadable images that are left out; known after the first pass.
    pub fn skipped(&self) -> &[String] {
        self.first_pass.get().map_or(&[], |pass| pass.skipped.as_slice())
    }

    /// Returns the index in the dataset of each row of the predictions; known after the first pass.
    pub fn rows(&self) -> Option<&[usize]> {
        self.first_pass.get().map(|pass| pass.rows.as_slice())
    }

    /// Predicts every image, in order, and adds the images' groups if they have any. `outputs` maps
    /// the model's outputs to the dataset's classes, if the model's classes are others.
    ///
    /// # Errors
    /// An unreadable image, unless these are skipped; no readable image; logits that are not
    /// finite; [`Error::Stopped`].
    pub fn predict(&self, model: &Model, outputs: Option<&OutputMap>) -> Result<Predictions, Error> {
        let mut found = Collected::default();
        if let Some(batches) = self.kept() {
            for batch in batches {
                self.stop.check()?;
                found.add(model, batch);
            }
        } else {
            let (mut batches, mut skipped) = (Vec::new(), Vec::new());
            let loader = Loader::new(self.dataset.clone(), self.indices.clone(), self.config.clone());
            for batch in loader.epoch(0) {
                self.stop.check()?;
                let batch = batch?;
                skipped.extend(batch.skipped.iter().cloned());
                found.add(model, &batch);
                if self.fits {
                    batches.push(batch);
                }
            }
            // Another thread may have been first, with the same batches.
            let _ = self.first_pass.set(FirstPass { batches, skipped, rows: found.rows.clone() });
        }
        let samples = self.dataset.samples();
        let names = found.rows.iter().map(|&index| samples[index].group.as_deref()).collect::<Vec<_>>();
        let predictions = found.finish(model.spec().outputs, outputs)?;
        match group_numbers(&names) {
            Some(groups) => Ok(predictions.with_groups(groups)?),
            None => Ok(predictions),
        }
    }

    /// Predicts rows of the predictions in the order given, in small batches, until `enough`, which
    /// takes a row and its logits, returns true. Returns the number of rows predicted; `None` for
    /// rows that do not exist, and before the first pass if unreadable images are skipped, since
    /// the rows are not known yet.
    ///
    /// Logits may differ from those of [`EvalSet::predict`] in their last bits, since libtorch may
    /// sum a batch of another size in another order.
    ///
    /// # Errors
    /// An unreadable image, unless these are skipped; [`Error::Stopped`].
    pub fn predict_until(
        &self,
        model: &Model,
        order: &[usize],
        enough: &mut dyn FnMut(usize, &[f32]) -> bool,
    ) -> Result<Option<usize>, Error> {
        let all = (self.config.on_bad_image == OnBadImage::Error).then_some(&*self.indices);
        let Some(samples) = self.rows().or(all) else { return Ok(None) };
        if order.iter().any(|&row| row >= samples.len()) {
            return Ok(None);
        }
        let outputs = model.spec().outputs;
        // A GPU takes about as long for a few images as for many.
        let chunk = if model.device().is_cuda() { BATCH.min(order.len().max(1)) } else { CHUNK };
        let send = |pixels: &[u8]| send_images(pixels, self.config.image_size, model.device());
        let loader;
        let mut chunks: Box<dyn Iterator<Item = Result<Chunk, Error>> + '_> =
            if let Some(batches) = self.kept() {
                let pixels = Pixels::new(batches, self.config.image_size);
                Box::new(order.chunks(chunk).map(move |rows| Ok((rows.to_vec(), send(&pixels.of(rows))))))
            } else {
                let row_of: HashMap<usize, usize> =
                    samples.iter().enumerate().map(|(row, &sample)| (sample, row)).collect();
                let indices = order.iter().map(|&row| samples[row]).collect();
                let config = LoaderConfig { batch_size: chunk, ..self.config.clone() };
                loader = Loader::new(self.dataset.clone(), indices, config);
                Box::new(loader.epoch(0).map(move |batch| {
                    let batch = batch?;
                    Ok((batch.indices.iter().map(|sample| row_of[sample]).collect(), send(&batch.images)))
                }))
            };
        let mut seen = 0;
        let mut next = chunks.next().transpose()?;
        while let Some((rows, images)) = next {
            self.stop.check()?;
            let logits = logits(model, images.receive(), chunk);
            // On a GPU the next images are under way while it computes.
            next = chunks.next().transpose()?;
            seen += rows.len();
            // Every row of the batch counts, since all are computed.
            let logits = values(&logits);
            let rows = rows.iter().zip(logits.chunks_exact(outputs));
            if rows.fold(false, |stop, (&row, logits)| enough(row, logits) || stop) {
                break;
            }
        }
        Ok(Some(seen))
    }

    /// Returns the batches in memory, after the first pass.
    fn kept(&self) -> Option<&[Batch]> {
        self.first_pass.get().filter(|_| self.fits).map(|pass| pass.batches.as_slice())
    }
}

/// Rows of the predictions, and their pixels on the way to the device.
type Chunk = (Vec<usize>, Sent);

/// The pixels of batches, by row.
struct Pixels<'a> {
    batches: &'a [Batch],
    /// The row with which each batch starts.
    starts: Vec<usize>,
    /// Bytes of an image.
    size: usize,
}

impl<'a> Pixels<'a> {
    fn new(batches: &'a [Batch], image_size: u32) -> Self {
        let start =
            |next: &mut usize, batch: &Batch| Some(std::mem::replace(next, *next + batch.indices.len()));
        let starts = batches.iter().scan(0, start).collect();
        Self { batches, starts, size: 3 * (image_size as usize).pow(2) }
    }

    /// Copies the pixels of rows.
    fn of(&self, rows: &[usize]) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(rows.len() * self.size);
        for &row in rows {
            let batch = self.starts.partition_point(|&start| start <= row) - 1;
            let at = (row - self.starts[batch]) * self.size;
            pixels.extend_from_slice(&self.batches[batch].images[at..at + self.size]);
        }
        pixels
    }
}

/// Computes logits of images, f32 `[N, outputs]` on the model's device, without waiting for it. A
/// GPU takes `rows` images at a time, the last ones with repeats that are left out of the result:
/// cuDNN measures its algorithms for each number of images.
pub(crate) fn logits(model: &Model, mut images: Tensor, rows: usize) -> Tensor {
    let found = images.size()[0];
    let missing = rows as i64 - found;
    if missing > 0 && model.device().is_cuda() {
        let last = images.narrow(0, found - 1, 1).expand([missing, -1, -1, -1], false);
        images = Tensor::cat(&[images, last], 0);
    }
    tch::no_grad(|| model.forward(&images, Mode::Eval)).narrow(0, 0, found)
}

/// Reads 32-bit floats back from the device, row-major.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.to_device(Device::Cpu).contiguous().copy_data(&mut values, tensor.numel());
    values
}

/// Numbers the samples' groups by first appearance; a sample without a group is a group of its own.
/// `None` if no sample has a group.
fn group_numbers(names: &[Option<&str>]) -> Option<Vec<u32>> {
    names.iter().any(Option::is_some).then_some(())?;
    let (mut known, mut next) = (HashMap::new(), 0..);
    let mut new = || next.next().expect("fewer samples than numbers");
    Some(
        names
            .iter()
            .map(|name| match name {
                Some(name) => *known.entry(*name).or_insert_with(&mut new),
                None => new(),
            })
            .collect(),
    )
}

#[derive(Default)]
struct Collected {
    rows: Vec<usize>,
    /// Logits of each batch, on the device, since reading them waits for it.
    logits: Vec<Tensor>,
    classes: Vec<usize>,
    labels: Vec<f32>,
}

impl Collected {
    fn add(&mut self, model: &Model, batch: &Batch) {
        if batch.indices.is_empty() {
            return;
        }
        self.rows.extend(&batch.indices);
        // One batch alone needs no repeats.
        let rows = if self.logits.is_empty() { 0 } else { BATCH };
        let images = send_images(&batch.images, batch.image_size, model.device()).receive();
        self.logits.push(logits(model, images, rows));
        match &batch.targets {
            Targets::Classes(classes) => self.classes.extend(classes.iter().map(|&class| class as usize)),
            Targets::Labels(labels) => self.labels.extend(labels),
        }
    }

    fn finish(self, outputs: usize, map: Option<&OutputMap>) -> Result<Predictions, Error> {
        if self.logits.is_empty() {
            return Err(Error::NoImages("to evaluate on".into()));
        }
        let logits = values(&Tensor::cat(&self.logits, 0));
        let images = logits.len() / outputs;
        let labels = self.labels.len() / images;
        let targets = if self.labels.is_empty() {
            ff_eval::Targets::Classes(self.classes)
        } else {
            ff_eval::Targets::Labels(self.labels)
        };
        Ok(match map {
            Some(map) => map.apply(&logits, outputs, targets, labels)?,
            None => Predictions::new(logits, outputs, targets)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_numbered_and_samples_without_one_are_alone() {
        assert_eq!(group_numbers(&[None, None]), None);
        let names = [Some("b"), None, Some("a"), Some("b"), None];
        assert_eq!(group_numbers(&names), Some(vec![0, 1, 2, 0, 3]));
    }
}
