//! Validation images to fit on: the log loss and its gradients, and a part that is held out.

use std::collections::BTreeMap;
use std::sync::Arc;

use ff_checkpoint::OwnedTensor;
use ff_data::random::stream;
use ff_data::{Augment, Batch, Dataset, Loader, LoaderConfig, OnBadImage, Target};
use ff_eval::Predictions;
use ff_models::{Mode, Model};
use itertools::Itertools;
use rand::seq::SliceRandom;
use tch::Tensor;

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::evaluate::{EvalSet, values};
use crate::loss::Loss;
use crate::upload::{send_images, send_targets};

/// The part of the images that is held out.
const HELD_OUT: f64 = 0.25;
/// The least number of images that are divided.
const LEAST: usize = 16;
/// Images per batch.
const BATCH: usize = 64;
/// The most bytes of pixels that are fitted on; they stay in memory.
const BYTES: usize = 1 << 30;

/// Validation images, of which one part is fitted on and a quarter is held out.
///
/// Groups such as patients are in one part. Without groups, each class has its share in both. The
/// division is random, but the same for the same images. The images to fit on stay in memory; of
/// more than 1 GiB of pixels only as many are taken, evenly spread.
pub struct Fitting {
    batches: Vec<Batch>,
    held_out: EvalSet,
    stop: CancelToken,
}

/// The log loss of a batch, and its gradients.
pub struct LossGradient {
    /// The mean log loss.
    pub loss: f64,
    /// The derivative by the logarithm of the temperature.
    pub temperature: f64,
    /// The derivatives by the trained weights, under their names.
    pub weights: BTreeMap<String, OwnedTensor>,
}

impl Fitting {
    /// Divides the images `indices` of a dataset, resized to `image_size` and loaded by `threads`
    /// threads (0: the caller's).
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than 16 images or 2 groups; an unreadable image, unless these are
    /// skipped; [`Error::Stopped`].
    pub fn new(
        dataset: &Arc<dyn Dataset>,
        indices: &[usize],
        image_size: u32,
        threads: usize,
        on_bad_image: OnBadImage,
        stop: CancelToken,
    ) -> Result<Self, Error> {
        let (fit, held_out) = divide(dataset.as_ref(), indices)?;
        let most = (BYTES / (3 * (image_size as usize).pow(2))).max(BATCH);
        let fit: Arc<[usize]> = match fit.len() {
            all if all > most => (0..most).map(|at| fit[at * all / most]).collect(),
            _ => fit.into(),
        };
        let config = LoaderConfig {
            batch_size: BATCH,
            image_size,
            augment: Augment::Eval,
            shuffle: false, // they are in a random order
            seed: 0,
            threads,
            prefetch: 2 * threads.max(1),
            on_bad_image,
        };
        let mut batches = Vec::new();
        for batch in Loader::new(dataset.clone(), fit, config).epoch(0) {
            stop.check()?;
            batches.push(batch?);
        }
        let held_out = EvalSet::new(dataset.clone(), held_out.into(), image_size, threads, on_bad_image);
        Ok(Self { batches, held_out: held_out.stopped_by(stop.clone()), stop })
    }

    /// Returns the number of batches to fit on, at least 1.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Returns the number of images of a batch.
    ///
    /// # Panics
    /// If there is no such batch.
    pub fn images(&self, batch: usize) -> usize {
        self.batches[batch].indices.len()
    }

    /// Returns the number of images that are held out.
    pub fn held_out(&self) -> usize {
        self.held_out.len()
    }

    /// Computes the log loss of a batch and its gradients: cross entropy of classes, or the mean
    /// binary cross entropy of the known labels, of logits that are divided by `temperature`.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    ///
    /// # Panics
    /// If there is no such batch.
    pub fn gradient(
        &self,
        model: &Model,
        mode: Mode,
        temperature: f64,
        batch: usize,
    ) -> Result<LossGradient, Error> {
        self.stop.check()?;
        let (batch, device) = (&self.batches[batch], model.device());
        let images = send_images(&batch.images, batch.image_size, device);
        let targets = send_targets(&batch.targets, model.spec().outputs, device);
        let log_temperature =
            Tensor::from_slice(&[temperature.ln() as f32]).to_device(device).set_requires_grad(true);
        let logits = model.forward(&images.receive(), mode) / log_temperature.exp();
        let loss = Loss::default().of_batch(&logits, &targets.receive());
        let named: Vec<_> = model.parameters().trainable().collect();
        let of_weights = named.iter().map(|parameter| parameter.tensor.shallow_clone());
        let inputs: Vec<Tensor> = of_weights.chain([log_temperature]).collect();
        let mut gradients = Tensor::run_backward(&[&loss], &inputs, false, false);
        let of_temperature = gradients.pop().map_or(0.0, |gradient| gradient.double_value(&[0]));
        let weights = named.iter().zip(&gradients).map(|(parameter, gradient)| {
            let shape: Vec<usize> = gradient.size().iter().map(|&size| size as usize).collect();
            (parameter.name.clone(), OwnedTensor::f32(shape, &values(gradient)))
        });
        let weights = weights.collect();
        Ok(LossGradient { loss: loss.double_value(&[]), temperature: of_temperature, weights })
    }

    /// Computes the same loss over the images that are held out, in evaluation mode.
    ///
    /// # Errors
    /// Those of [`EvalSet::predict`].
    pub fn held_out_loss(&self, model: &Model, temperature: f64) -> Result<f64, Error> {
        let found = self.held_out.predict(model, None)?;
        let logits = found.logits().iter().map(|logit| (f64::from(*logit) / temperature) as f32).collect();
        Ok(Loss::default().of_predictions(&Predictions::new(
            logits,
            found.outputs(),
            found.targets().clone(),
        )?))
    }
}

/// Divides images into those to fit on and those to hold out, each in a random order.
fn divide(dataset: &dyn Dataset, indices: &[usize]) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let samples = dataset.samples();
    let group = |index: &usize| samples[*index].group.as_deref();
    // Units stay together: groups, or single images.
    let mut units: Vec<Vec<usize>> =
        indices.iter().filter(|index| group(index).is_none()).map(|&i| vec![i]).collect();
    let grouped = indices.iter().copied().filter(|index| group(index).is_some());
    units.extend(grouped.into_group_map_by(|index| group(index)).into_iter().sorted().map(|(_, unit)| unit));
    if indices.len() < LEAST || units.len() < 2 {
        let of =
            if units.len() < indices.len() { format!(" in {} groups", units.len()) } else { String::new() };
        return Err(Error::Config(format!(
            "{} validation images{of} are too few to hold a part out: expected at least {LEAST} in 2 groups\n\
             hint: methods that fit nothing need none, such as `uniform` and `stock`",
            indices.len()
        )));
    }
    let mut random = stream(0, "held-out", &[]);
    units.shuffle(&mut random);
    // Units of one class after the other, so that every class has its share in both parts.
    let class = |unit: &Vec<usize>| match &samples[unit[0]].target {
        Target::Class(class) => *class,
        Target::Labels(_) => 0,
    };
    units.sort_by_key(class); // stable
    let (mut fit, mut held_out, mut seen) = (Vec::new(), Vec::new(), 0);
    for unit in units {
        seen += unit.len();
        let due = (HELD_OUT * seen as f64).round() as usize;
        if held_out.len() + unit.len() <= due { &mut held_out } else { &mut fit }.extend(unit);
    }
    if held_out.is_empty() {
        // Every group is larger than the part: the last one is held out.
        let last = group(fit.last().expect("at least two units"));
        let split = fit.iter().rposition(|index| group(index) != last).map_or(0, |at| at + 1);
        held_out = fit.split_off(split);
    }
    fit.shuffle(&mut random);
    Ok((fit, held_out))
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::StateDict;
    use ff_data::{Phantom, PhantomKind};
    use ff_models::{Architecture, Spec};
    use tch::Device;

    use super::*;

    #[test]
    fn classes_have_their_share_in_both_parts() {
        let data = Phantom::new(PhantomKind::Shapes, 16, [0, 120, 0], 1, false).unwrap();
        let all: Vec<usize> = (0..120).collect();
        let (fit, held_out) = divide(&data, &all).unwrap();
        assert_eq!((fit.len(), held_out.len()), (90, 30));
        let both: Vec<usize> = fit.iter().chain(&held_out).copied().sorted().collect();
        assert_eq!(both, all);
        let classes = |part: &[usize]| {
            part.iter()
                .map(|&index| match &data.samples()[index].target {
                    Target::Class(class) => *class,
                    Target::Labels(_) => unreachable!(),
                })
                .counts()
        };
        let (of_fit, of_held_out) = (classes(&fit), classes(&held_out));
        for (class, count) in &of_held_out {
            let whole = (count + of_fit[class]) as f64;
            assert!((*count as f64 - whole / 4.0).abs() <= 1.0, "class {class}: {count} of {whole}");
        }
        assert_eq!(divide(&data, &all).unwrap().0, fit, "the division is the same again");
        let few = divide(&data, &all[..15]).unwrap_err().to_string();
        assert!(few.starts_with("15 validation images are too few to hold a part out"), "{few}");
    }

    #[test]
    fn gradients_match_differences_of_the_loss() {
        let data = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [0, 40, 0], 1, false).unwrap());
        let data: Arc<dyn Dataset> = data;
        let all: Vec<usize> = (0..40).collect();
        let fitting = Fitting::new(&data, &all, 16, 0, OnBadImage::Error, CancelToken::default()).unwrap();
        assert_eq!((fitting.batches(), fitting.images(0), fitting.held_out()), (1, 30, 10));
        let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, data.task().outputs()) };
        let model = Model::new(&spec, Device::Cpu, 3).unwrap();
        let before = model.state_dict();
        let weights = StateDict::from_tensors(before.clone());
        for mode in [Mode::Eval, Mode::Batch] {
            let found = fitting.gradient(&model, mode, 1.5, 0).unwrap();
            let gradient = StateDict::from_tensors(found.weights);
            let squares = gradient.iter().flat_map(|(_, of)| of.to_f64().unwrap()).map(|value| value * value);
            let slope: f64 = squares.sum();
            // Along the gradient, the loss rises by its square.
            let moved = |by: f64| {
                let weights = weights.iter().map(|(name, old)| {
                    let Some(of) = gradient.get(name).and_then(|of| of.to_f64()) else {
                        return (name.to_owned(), old.to_owned());
                    };
                    let new = old
                        .to_f64()
                        .unwrap()
                        .iter()
                        .zip(of)
                        .map(|(old, of)| old + by * of)
                        .collect::<Vec<_>>();
                    (name.to_owned(), OwnedTensor::rounded(old.dtype, old.shape, &new))
                });
                let weights = StateDict::from_tensors(weights.collect());
                let mut moved = Model::new(&spec, Device::Cpu, 3).unwrap();
                moved.load_strict(&weights).unwrap();
                fitting.gradient(&moved, mode, 1.5, 0).unwrap().loss
            };
            let step = 0.01 / slope.sqrt();
            let measured = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((measured / slope - 1.0).abs() < 0.02, "{mode:?}: {measured} {slope}");
            let at = |temperature: f64| fitting.gradient(&model, mode, temperature, 0).unwrap().loss;
            let measured = (at(1.5 * 1.02) - at(1.5 / 1.02)) / (2.0 * 1.02f64.ln());
            assert!((measured - found.temperature).abs() < 0.02 * measured.abs() + 1e-4, "{measured}");
        }
        assert_eq!(model.state_dict(), before, "running statistics stay");
        assert!(fitting.held_out_loss(&model, 1.0).unwrap() > 0.0);
    }
}
