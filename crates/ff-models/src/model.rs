//! A backbone with its weights: images in, logits out.

use std::collections::BTreeMap;

use ff_checkpoint::OwnedTensor;
use tch::{Device, Tensor};

use crate::backbone::{Backbone, Mode};
use crate::builder::Builder;
use crate::error::Error;
use crate::parameters::{Parameter, Parameters};
use crate::spec::Spec;

/// A backbone on a device, with its weights. Built by [`Model::new`] with fresh weights;
/// [`Model::load`] gives it others.
pub struct Model {
    spec: Spec,
    device: Device,
    parameters: Parameters,
    backbone: Box<dyn Backbone>,
    /// What makes normalised numbers of bytes: `byte * scale + shift`, each `[1, 3, 1, 1]` on the
    /// device.
    scale: Tensor,
    shift: Tensor,
}

impl Model {
    /// A model with fresh weights: timm's initialisation (VGG: torchvision's), in which the last
    /// BatchNorm of a residual block starts at zero. Each tensor is drawn in Rust from (`seed`, its
    /// name) alone, so weights are the same on any device, and two architectures or numbers of
    /// outputs share nothing but the rule.
    ///
    /// # Errors
    /// No outputs; an image size that the architecture cannot take.
    pub fn new(spec: &Spec, device: Device, seed: u64) -> Result<Self, Error> {
        spec.check()?;
        let mut builder = Builder {
            image_size: i64::from(spec.image_size),
            outputs: spec.outputs as i64,
            precision: spec.precision,
            device,
            seed: Some(seed),
            parameters: Parameters::default(),
        };
        let backbone = (spec.architecture.build)(&mut builder);
        let (mean, std) = (spec.architecture.mean, spec.architecture.std);
        let per_channel = |f: &dyn Fn(f64, f64) -> f64| {
            let values = [0, 1, 2].map(|c| f(f64::from(mean[c]), f64::from(std[c])) as f32);
            Tensor::from_slice(&values).view([1, 3, 1, 1]).to_device(device)
        };
        Ok(Self {
            spec: *spec,
            device,
            parameters: builder.parameters,
            backbone,
            scale: per_channel(&|_, std| 1.0 / (255.0 * std)),
            shift: per_channel(&|mean, std| -mean / std),
        })
    }

    /// Logits, fp32 `[N, outputs]`, of a batch of pictures: u8 `[N, H, W, 3]` (RGB, rows from the
    /// top) on any device. They are moved to the model's device and normalised there, and stay
    /// channels-last.
    ///
    /// # Panics
    /// On images of another type or shape, or of a size other than the spec's for DeiT.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.classify(&self.features(images, mode), mode)
    }

    /// Logits, fp32 `[N, outputs]`, of normalised pictures: fp32 `[N, 3, H, W]` on any device.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn logits(&self, normalised: &Tensor, mode: Mode) -> Tensor {
        self.classify(&self.backbone.features(&self.channels_last(normalised), mode), mode)
    }

    /// What the last layer sees, fp32 `[N, F]`, of pictures as [`forward`](Self::forward) takes
    /// them. For a linear probe with frozen BatchNorm, take them with `Mode::Eval` in
    /// `tch::no_grad`, and train on [`classify`](Self::classify).
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.backbone.features(&self.normalise(images), mode)
    }

    /// The last layer: [`features`](Self::features) to logits, fp32 `[N, outputs]`. In
    /// `Mode::Train`, VGG drops out half of the features first (`classifier.5`).
    pub fn classify(&self, features: &Tensor, mode: Mode) -> Tensor {
        self.backbone.classify(features, mode)
    }

    /// Weights and buffers, in PyTorch's order.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Weight and bias of the last layer: what a linear probe trains.
    pub fn classifier(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.of_layer(self.spec.architecture.classifier)
    }

    /// Copies of weights and buffers under timm's names (VGG: torchvision's), `num_batches_tracked`
    /// included: row-major, fp32 and i64.
    pub fn state_dict(&self) -> BTreeMap<String, OwnedTensor> {
        self.parameters.iter().map(|parameter| (parameter.name.clone(), owned(&parameter.tensor))).collect()
    }

    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.device
    }

    fn normalise(&self, images: &Tensor) -> Tensor {
        assert!(
            images.kind() == tch::Kind::Uint8 && images.dim() == 4 && images.size()[3] == 3,
            "images are u8 [N, H, W, 3], found {:?} {:?}",
            images.kind(),
            images.size()
        );
        // The permuted view of NHWC bytes is a channels-last NCHW tensor, and the cast keeps its
        // strides.
        let mut x = images.to_device(self.device).permute([0, 3, 1, 2]).to_kind(tch::Kind::Float);
        x.g_mul_(&self.scale).g_add_(&self.shift)
    }

    fn channels_last(&self, x: &Tensor) -> Tensor {
        let mut out = Tensor::empty_permuted(x.size(), [0i64, 2, 3, 1], (x.kind(), self.device));
        out.copy_(x);
        out
    }
}

fn owned(tensor: &Tensor) -> OwnedTensor {
    let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
    let flat = tensor.detach().to_device(Device::Cpu).contiguous();
    if tensor.kind() == tch::Kind::Int64 {
        let mut values = vec![0i64; flat.numel()];
        flat.copy_data(&mut values, flat.numel());
        OwnedTensor::i64(shape, &values)
    } else {
        let mut values = vec![0f32; flat.numel()];
        flat.copy_data(&mut values, flat.numel());
        OwnedTensor::f32(shape, &values)
    }
}
