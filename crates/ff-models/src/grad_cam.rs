//! Grad-CAM: the places of an image from which a convolutional network computes a logit.

use tch::{Kind, Tensor};

use crate::backbone::Mode;
use crate::error::Error;
use crate::model::Model;

/// Keeps a map that is 0 everywhere from being divided by 0. The grad-cam package adds the same.
const EPSILON: f64 = 1e-7;

impl Model {
    /// Computes where in each image the evidence for an output is (Grad-CAM), fp32 `[N, H, W]` from
    /// 0 to 1 on the model's device, for images u8 `[N, H, W, 3]` as [`forward`](Self::forward)
    /// takes them. `outputs` has the output to explain for each image.
    ///
    /// The channels of the last feature map are weighted by the mean over its places of the logit's
    /// gradient. Their sum, where positive, is scaled to the range from 0 to 1 in each image,
    /// resized bilinearly to the image (libtorch's `upsample_bilinear2d`, half-pixel centres), and
    /// scaled again, as by the package grad-cam. The map is the output of a ResNet's last block, or
    /// of a VGG's last max pooling: the targets that the package documents.
    ///
    /// For 224 px the map has 7 × 7 places, so the result shows regions, not edges. A ResNet's
    /// strided convolutions are centred on the first pixel of what a place covers, and the resizing
    /// on the middle, so evidence appears up to half a place too far right and down.
    ///
    /// A result is 0 everywhere if no place adds to the logit, or if all add the same. Maps of two
    /// images or two outputs are scaled apart: their values do not compare. The model is in
    /// evaluation mode, gradients of its weights are neither computed nor changed, and nothing is
    /// random. Memory: a forward pass without gradients.
    ///
    /// Source: Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks via
    /// gradient-based localization, section 3.
    ///
    /// ```
    /// use ff_models::tch::{Device, Kind, Tensor};
    /// use ff_models::{Architecture, Model, Spec};
    ///
    /// let model = Model::new(&Spec::new(Architecture::RESNET_PICO, 7), Device::Cpu, 0)?;
    /// let images = Tensor::zeros([2, 32, 32, 3], (Kind::Uint8, Device::Cpu));
    /// assert_eq!(model.grad_cam(&images, &[0, 6])?.size(), [2, 32, 32]);
    /// # Ok::<(), ff_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFeatureMap`] for a network that is not [`Convolutional`](crate::Convolutional),
    /// such as DeiT.
    ///
    /// # Panics
    /// As [`forward`](Self::forward); on an output that the model does not have, or other than one
    /// for each image.
    pub fn grad_cam(&self, images: &Tensor, outputs: &[usize]) -> Result<Tensor, Error> {
        let spec = self.spec();
        let network = self.backbone.convolutional();
        let network = network.ok_or(Error::NoFeatureMap { architecture: spec.architecture.name })?;
        let outputs = outputs.iter().map(|&output| {
            assert!(output < spec.outputs, "outputs: expected below {}, found {output}", spec.outputs);
            output as i64
        });
        let outputs = Tensor::from_slice(&outputs.collect::<Vec<_>>());
        let size = images.size();
        assert_eq!(outputs.size(), size[..1], "outputs: expected one for each image");

        // The trunk needs no graph: the map is a leaf of its own.
        let map = tch::no_grad(|| network.feature_map(&self.normalise(images), Mode::Eval));
        let map = map.set_requires_grad(true);
        let explained = tch::with_grad(|| {
            let logits = self.backbone.classify(&network.features_of(&map, Mode::Eval), Mode::Eval);
            logits.gather(1, &outputs.unsqueeze(1).to_device(self.device()), false).sum(Kind::Float)
        });
        let gradient = Tensor::run_backward(&[explained], &[&map], false, false).remove(0);

        let places = [2i64, 3].as_slice();
        let weights = gradient.mean_dim(places, true, Kind::Float);
        let sum = (weights * map.detach().to_kind(Kind::Float)).sum_dim_intlist(1, true, Kind::Float);
        let resized = scaled(&sum.relu()).upsample_bilinear2d([size[1], size[2]], false, None, None);
        Ok(scaled(&resized).squeeze_dim(1))
    }
}

/// Scales each map of `[N, 1, h, w]` to the range from 0 to 1.
fn scaled(maps: &Tensor) -> Tensor {
    let places = [2i64, 3].as_slice();
    let maps = maps - maps.amin(places, true);
    &maps / (maps.amax(places, true) + EPSILON)
}
