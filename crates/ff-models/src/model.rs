//! A backbone with its weights: computes logits from images.

use std::collections::BTreeMap;

use ff_checkpoint::OwnedTensor;
use tch::{Device, Tensor};

use crate::backbone::{Backbone, Mode};
use crate::builder::Builder;
use crate::error::Error;
use crate::normalisation::Normalisation;
use crate::parameters::{Parameter, Parameters};
use crate::precision::Hold;
use crate::spec::Spec;
use crate::tap::{LayerInput, record};

/// A backbone with its weights on a device. [`Model::new`] builds one with initial weights,
/// [`Model::load`] loads trained ones.
///
/// ```
/// use ff_models::tch::{Device, Kind, Tensor};
/// use ff_models::{Architecture, Mode, Model, Spec};
///
/// let model = Model::new(&Spec::new(Architecture::VGG_PICO, 3), Device::Cpu, 0)?;
/// let images = Tensor::zeros([2, 32, 32, 3], (Kind::Uint8, Device::Cpu));
/// let features = model.features(&images, Mode::Eval);
/// assert_eq!(model.classify(&features, Mode::Eval).size(), [2, 3]);
/// assert!(model.state_dict().contains_key("classifier.6.weight"));
/// # Ok::<(), ff_models::Error>(())
/// ```
pub struct Model {
    spec: Spec,
    device: Device,
    parameters: Parameters,
    pub(crate) backbone: Box<dyn Backbone>,
    /// Normalisation of bytes, `byte * scale + shift`; each is `[1, 3, 1, 1]` on the device.
    scale: Tensor,
    shift: Tensor,
    /// On a GPU: the process's TF32 switch.
    _tf32: Option<Hold>,
}

impl Model {
    /// Builds a model with initial weights: timm's initialisation (VGG: torchvision's), in which
    /// the last BatchNorm of a residual block starts at zero. Each tensor is drawn in Rust from
    /// (`seed`, its name) alone, so it does not depend on the device or on the model's other
    /// tensors.
    ///
    /// # Errors
    /// [`Error::NoOutputs`] for 0 outputs; [`Error::ImageSize`] for a size that the architecture
    /// cannot take; on a GPU, [`Error::Tf32`] if another model of the process needs the other
    /// setting of TF32, which is a switch of the process.
    pub fn new(spec: &Spec, device: Device, seed: u64) -> Result<Self, Error> {
        spec.check()?;
        let tf32 = device.is_cuda().then(|| spec.precision.hold()).transpose()?;
        let mut builder = Builder::new(spec.image_size, spec.outputs, spec.precision, device, Some(seed));
        let backbone = (spec.architecture.build)(&mut builder);
        let Normalisation { mean, std } = spec.normalisation();
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
            _tf32: tf32,
        })
    }

    /// Computes logits, fp32 `[N, outputs]`, of a batch of images: u8 `[N, H, W, 3]` (RGB, top row
    /// first) on any device. Images are moved to the model's device and normalised there, and stay
    /// channels-last.
    ///
    /// # Panics
    /// On images of another type or shape, or of a size other than the spec's for DeiT.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.classify(&self.features(images, mode), mode)
    }

    /// Computes logits, fp32 `[N, outputs]`, of normalised images: fp32 `[N, 3, H, W]` on any
    /// device.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn logits(&self, normalised: &Tensor, mode: Mode) -> Tensor {
        self.classify(&self.backbone.features(&self.channels_last(normalised), mode), mode)
    }

    /// Computes the last layer's input, fp32 `[N, F]`, of images as [`forward`](Self::forward)
    /// takes them. For a linear probe with frozen BatchNorm, compute features with `Mode::Eval` in
    /// `tch::no_grad` and train on [`classify`](Self::classify).
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.backbone.features(&self.normalise(images), mode)
    }

    /// Applies the last layer: [`features`](Self::features) to logits, fp32 `[N, outputs]`. In
    /// `Mode::Train`, VGG first drops half of the features (`classifier.5`).
    pub fn classify(&self, features: &Tensor, mode: Mode) -> Tensor {
        self.backbone.classify(features, mode)
    }

    /// Runs images, as [`forward`](Self::forward) takes them, through the model in evaluation mode
    /// without gradients, and returns the inputs of its linear layers and convolutions in forward
    /// order. Layers whose weights have more than `max_width` elements for each output are left out.
    /// The inputs stay in memory, as in training.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn layer_inputs(&self, images: &Tensor, max_width: usize) -> Vec<LayerInput> {
        record(max_width, || {
            let _ = tch::no_grad(|| self.forward(images, Mode::Eval));
        })
    }

    /// Returns weights and buffers, in PyTorch's order.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the weight and bias of the last layer, which a linear probe trains.
    pub fn classifier(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.of_layer(self.spec.architecture.classifier)
    }

    /// Copies weights and buffers under timm's names (VGG: torchvision's), `num_batches_tracked`
    /// included: row-major, fp32 and i64.
    pub fn state_dict(&self) -> BTreeMap<String, OwnedTensor> {
        self.parameters.iter().map(|parameter| (parameter.name.clone(), owned(&parameter.tensor))).collect()
    }

    /// Returns the specification that the model was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the device of the weights.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Moves images to the model's device and normalises them, fp32 `[N, 3, H, W]`.
    pub(crate) fn normalise(&self, images: &Tensor) -> Tensor {
        assert!(
            images.kind() == tch::Kind::Uint8 && images.dim() == 4 && images.size()[3] == 3,
            "images: expected u8 [N, H, W, 3], found {:?} {:?}",
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
