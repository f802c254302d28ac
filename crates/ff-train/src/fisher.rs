//! The Fisher information of a model's weights.

use std::collections::BTreeMap;

use ff_checkpoint::OwnedTensor;
use ff_data::Targets;
use ff_data::random::stream;
use ff_models::{Mode, Model, Parameter};
use rand::{Rng, RngExt};
use tch::{Reduction, Tensor};

use crate::error::Error;
use crate::evaluate::values;
use crate::recalibrate::Recalibration;
use crate::upload::send_images;

/// Computes the diagonal of the Fisher information matrix: the mean over the images of the squared
/// gradient of log p(y | image) by each trained weight, under the weights' names and in their shapes.
///
/// The classes y are drawn from the model's own predictions, of multilabel data each task's label,
/// by `seed` and the image's index in its dataset; true labels have no effect. The model is in
/// evaluation mode. Gradients are computed one image at a time, since the square of a batch's
/// gradient is not the mean of its images' squares. Time: as training on the images in batches of
/// one. Memory: as such a step, and the weights once more.
///
/// Source: Matena and Raffel 2022, Merging models with Fisher-weighted averaging (arXiv 2111.09832).
/// Its published code draws nothing, but weights the squared gradient of every class by the class's
/// probability.
///
/// # Errors
/// An unreadable image, unless these are skipped; no readable image; [`Error::NotFinite`];
/// [`Error::Stopped`].
pub fn fisher(
    model: &Model,
    images: &Recalibration,
    seed: u64,
) -> Result<BTreeMap<String, OwnedTensor>, Error> {
    let weights: Vec<&Parameter> = model.parameters().trainable().collect();
    let handles: Vec<Tensor> = weights.iter().map(|weight| weight.tensor.shallow_clone()).collect();
    let mut sums: Vec<Tensor> = handles.iter().map(|weight| weight.detach().zeros_like()).collect();
    let mut count = 0u32;
    images.for_each_batch(|batch| {
        let pixels = send_images(&batch.images, batch.image_size, model.device()).receive();
        for (at, &index) in batch.indices.iter().enumerate() {
            let logits = model.forward(&pixels.narrow(0, at as i64, 1), Mode::Eval);
            let mut random = stream(seed, "fisher", &[index as u64]);
            let loss = match batch.targets {
                Targets::Classes(_) => loss_of_drawn_class(&logits, &mut random),
                Targets::Labels(_) => loss_of_drawn_labels(&logits, &mut random),
            };
            let gradients = Tensor::run_backward(&[&loss], &handles, false, false);
            for (sum, gradient) in sums.iter_mut().zip(&gradients) {
                let _ = sum.addcmul_(gradient, gradient);
            }
            count += 1;
        }
        Ok(())
    })?;
    let mut found = BTreeMap::new();
    for (weight, sum) in weights.into_iter().zip(sums) {
        let tensor =
            finite(&(sum / f64::from(count)), || format!("Fisher information of `{}`", weight.name))?;
        found.insert(weight.name.clone(), tensor);
    }
    Ok(found)
}

/// Copies a tensor as 32-bit floats.
///
/// # Errors
/// [`Error::NotFinite`].
pub(crate) fn finite(tensor: &Tensor, what: impl FnOnce() -> String) -> Result<OwnedTensor, Error> {
    let values = values(&tensor.to_kind(tch::Kind::Float));
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite { what: what() });
    }
    let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
    Ok(OwnedTensor::f32(shape, &values))
}

/// Returns the negative log-likelihood of a class that is drawn from the softmax of logits `[1, C]`.
fn loss_of_drawn_class(logits: &Tensor, random: &mut impl Rng) -> Tensor {
    let values = values(&logits.detach());
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f64> = values.iter().map(|logit| f64::from(logit - highest).exp()).collect();
    let mut left = random.random::<f64>() * shares.iter().sum::<f64>();
    let drawn = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    // Rounding may leave a rest after the last class.
    let class = drawn.unwrap_or(shares.len() - 1) as i64;
    let target = Tensor::from_slice(&[class]).to_device(logits.device());
    logits.cross_entropy_loss::<Tensor>(&target, None, Reduction::Sum, -100, 0.0)
}

/// Returns the negative log-likelihood of labels that are drawn from the sigmoids of logits `[1, C]`.
fn loss_of_drawn_labels(logits: &Tensor, random: &mut impl Rng) -> Tensor {
    let draw = |logit: f32| random.random::<f64>() < 1.0 / (1.0 + f64::from(-logit).exp());
    let labels: Vec<f32> = values(&logits.detach()).into_iter().map(draw).map(f32::from).collect();
    let labels = Tensor::from_slice(&labels).to_device(logits.device()).view_as(logits);
    logits.binary_cross_entropy_with_logits(&labels, None::<&Tensor>, None::<&Tensor>, Reduction::Sum)
}
