//! The inner products of the inputs of a model's layers.

use std::collections::BTreeMap;

use ff_checkpoint::OwnedTensor;
use ff_models::Model;
use tch::Tensor;

use crate::error::Error;
use crate::fisher::finite;
use crate::recalibrate::Recalibration;
use crate::upload::send_images;

/// The usual bound of [`gram`]: a matrix of 4 MiB for a layer. Of a ResNet it leaves out 3×3
/// convolutions of more than 113 inputs.
pub const GRAM_WIDTH: usize = 1024;

/// Computes the inner products `XᵀX` of the inputs of each linear layer and convolution, a mean over
/// the images, `[width, width]` under the name of the layer's weight.
///
/// A row of X is what the layer multiplies with its weight, `[outputs, width]`: a linear layer has
/// one for each image or token, a convolution for each place of its output, of `inputs · height ·
/// width` values of the kernel. Layers wider than `max_width` are left out. The model is in
/// evaluation mode; labels have no effect. Time: a forward pass, and `rows · width²` multiplications
/// for each layer. Memory: the inputs of all layers for a batch of `images`, the rows of one image,
/// and two matrices of `width²` in fp64 for each layer.
///
/// Source: Jin et al. 2023, Dataless knowledge fusion by merging weights of language models (arXiv
/// 2212.09849).
///
/// # Errors
/// An unreadable image, unless these are skipped; no readable image; [`Error::Config`] if no layer
/// has so few inputs; [`Error::NotFinite`]; [`Error::Stopped`].
pub fn gram(
    model: &Model,
    images: &Recalibration,
    max_width: usize,
) -> Result<BTreeMap<String, OwnedTensor>, Error> {
    let mut sums: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut count = 0;
    images.for_each_batch(|batch| {
        let pixels = send_images(&batch.images, batch.image_size, model.device()).receive();
        for input in model.layer_inputs(&pixels, max_width) {
            let products = input.inner_products();
            let add = |sum: &mut Tensor| {
                let _ = sum.g_add_(&products);
            };
            sums.entry(input.weight).and_modify(add).or_insert(products);
        }
        count += batch.indices.len();
        Ok(())
    })?;
    if sums.is_empty() {
        let reason = format!("no layer of {} is so narrow", model.spec().architecture.name);
        return Err(Error::Config(format!("max_width = {max_width}: {reason}\nhint: use {GRAM_WIDTH}")));
    }
    let mut found = BTreeMap::new();
    for (weight, sum) in sums {
        let tensor = finite(&(sum / count as f64), || format!("inner products of the inputs of `{weight}`"))?;
        found.insert(weight, tensor);
    }
    Ok(found)
}
