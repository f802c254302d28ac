//! The store of a model's tensors, and the builder that fills it while a model is declared.

use std::collections::HashMap;

use tch::{Device, Tensor};

use crate::init::Init;
use crate::spec::Precision;

/// What a tensor of a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Trained: fp32, requires a gradient.
    Weight,
    /// Kept beside the weights and not trained: BatchNorm's running statistics (fp32) and its count of batches (i64).
    Buffer,
}

/// One named tensor of a model.
#[derive(Debug)]
pub struct Parameter {
    /// timm's name (VGG: torchvision's), such as `layer1.0.conv1.weight`.
    pub name: String,
    /// A handle on the very tensor that the layer uses: what is done in place to it, `set_data` included, the layer sees.
    /// Kernels of convolutions have channels-last strides; the storage is dense.
    pub tensor: Tensor,
    /// Weight or buffer.
    pub kind: ParameterKind,
}

impl Parameter {
    /// Whether it is one of `layer`'s: named `<layer>.<something>`.
    pub fn is_of_layer(&self, layer: &str) -> bool {
        self.name.strip_prefix(layer).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// A model's tensors, in the order in which the model declares them, which is PyTorch's.
#[derive(Debug, Default)]
pub struct Parameters {
    entries: Vec<Parameter>,
    by_name: HashMap<String, usize>,
    convolutions: Vec<usize>,
}

impl Parameters {
    /// All of them, weights and buffers.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.entries.iter()
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.by_name.get(name).map(|&index| &self.entries[index])
    }

    /// How many, weights and buffers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none; no model is so.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The weights, without the buffers.
    pub fn trainable(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|parameter| parameter.kind == ParameterKind::Weight)
    }

    /// The buffers: BatchNorm's statistics, if there are any.
    pub fn buffers(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|parameter| parameter.kind == ParameterKind::Buffer)
    }

    /// The weights and buffers of `layer`: those named `<layer>.<something>`.
    pub fn of_layer(&self, layer: &str) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(move |parameter| parameter.is_of_layer(layer))
    }

    /// Kernels of the convolutions, `[outputs, inputs, height, width]`, in forward order; a ResNet's downsampling
    /// convolutions, which stand beside the path, are not among them, nor is DeiT's patch embedding.
    pub fn convolutions(&self) -> impl Iterator<Item = &Parameter> {
        self.convolutions.iter().map(|&index| &self.entries[index])
    }
}

impl<'a> IntoIterator for &'a Parameters {
    type Item = &'a Parameter;
    type IntoIter = std::slice::Iter<'a, Parameter>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Makes tensors while a model is declared: names them, draws them, files a handle in the store.
pub(crate) struct Builder {
    parameters: Parameters,
    device: Device,
    /// Seed of the values; without one they are left as the memory had them.
    seed: Option<u64>,
    /// Type that the layers cast to.
    pub(crate) precision: Precision,
}

impl Builder {
    pub(crate) fn new(device: Device, seed: u64, precision: Precision) -> Self {
        Self { parameters: Parameters::default(), device, seed: Some(seed), precision }
    }

    /// A builder for whoever wants names and shapes only.
    pub(crate) fn outline() -> Self {
        let precision = Precision::Fp32;
        Self { parameters: Parameters::default(), device: Device::Cpu, seed: None, precision }
    }

    /// A weight, fp32; channels-last where it has four dimensions.
    pub(crate) fn weight(&mut self, name: String, shape: &[i64], init: Init) -> Tensor {
        let tensor = self.fill(&name, shape, init).set_requires_grad(true);
        self.file(name, tensor, ParameterKind::Weight)
    }

    /// The kernel of a convolution that [`Parameters::convolutions`] lists.
    pub(crate) fn kernel(&mut self, name: String, shape: [i64; 4], init: Init) -> Tensor {
        self.parameters.convolutions.push(self.parameters.entries.len());
        self.weight(name, &shape, init)
    }

    /// A buffer of floats.
    pub(crate) fn buffer(&mut self, name: String, shape: &[i64], value: f32) -> Tensor {
        let tensor = self.fill(&name, shape, Init::Constant(value));
        self.file(name, tensor, ParameterKind::Buffer)
    }

    /// A count, which starts at 0: a scalar i64.
    pub(crate) fn counter(&mut self, name: String) -> Tensor {
        let tensor = Tensor::zeros([0i64; 0], (tch::Kind::Int64, self.device));
        self.file(name, tensor, ParameterKind::Buffer)
    }

    pub(crate) fn finish(self) -> Parameters {
        self.parameters
    }

    fn fill(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        let options = (tch::Kind::Float, self.device);
        let mut tensor = match shape.len() {
            4 => Tensor::empty_permuted(shape, [0i64, 2, 3, 1], options),
            _ => Tensor::empty(shape, options),
        };
        if let Some(seed) = self.seed {
            let values = init.draw(shape.iter().product::<i64>() as usize, seed, name);
            tensor.copy_(&Tensor::from_slice(&values).view(shape));
        }
        tensor
    }

    fn file(&mut self, name: String, tensor: Tensor, kind: ParameterKind) -> Tensor {
        let handle = tensor.shallow_clone();
        let previous = self.parameters.by_name.insert(name.clone(), self.parameters.entries.len());
        assert!(previous.is_none(), "{name} is declared twice");
        self.parameters.entries.push(Parameter { name, tensor, kind });
        handle
    }
}
