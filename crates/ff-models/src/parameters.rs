//! The tensors of a model.

use std::collections::HashMap;

use tch::Tensor;

/// The role of a tensor in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Trained: fp32, requires a gradient.
    Weight,
    /// Saved with the weights and not trained: BatchNorm's running statistics (fp32) and its count
    /// of batches (i64).
    Buffer,
}

/// One named tensor of a model.
#[derive(Debug)]
pub struct Parameter {
    /// timm's name (VGG: torchvision's), such as `layer1.0.conv1.weight`.
    pub name: String,
    /// A handle to the tensor that the layer uses: the layer sees changes in place, `set_data`
    /// included. Kernels of convolutions have channels-last strides; the storage is dense.
    pub tensor: Tensor,
    /// Weight or buffer.
    pub kind: ParameterKind,
}

impl Parameter {
    /// Returns whether the parameter is named `<layer>.<something>`.
    pub fn is_of_layer(&self, layer: &str) -> bool {
        self.name.strip_prefix(layer).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// A model's tensors, in the order of declaration, which is PyTorch's.
#[derive(Debug, Default)]
pub struct Parameters {
    entries: Vec<Parameter>,
    by_name: HashMap<String, usize>,
    convolutions: Vec<usize>,
}

impl Parameters {
    /// Adds a parameter; `is_kernel` lists it among the [`convolutions`](Self::convolutions).
    ///
    /// # Panics
    /// If a parameter with that name exists.
    pub(crate) fn push(&mut self, parameter: Parameter, is_kernel: bool) {
        let index = self.entries.len();
        let previous = self.by_name.insert(parameter.name.clone(), index);
        assert!(previous.is_none(), "{} is declared twice", parameter.name);
        self.convolutions.extend(is_kernel.then_some(index));
        self.entries.push(parameter);
    }

    /// Iterates over weights and buffers.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.entries.iter()
    }

    /// Returns the parameter with that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.by_name.get(name).map(|&index| &self.entries[index])
    }

    /// Returns the name of the parameter that this tensor is a handle to, while the model is built.
    pub(crate) fn name_of(&self, tensor: &Tensor) -> Option<&str> {
        let found = self.entries.iter().find(|entry| entry.tensor.data_ptr() == tensor.data_ptr());
        found.map(|entry| entry.name.as_str())
    }

    /// Iterates over the weights, without the buffers.
    pub fn trainable(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|parameter| parameter.kind == ParameterKind::Weight)
    }

    /// Iterates over the buffers: BatchNorm's statistics, if there are any.
    pub fn buffers(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|parameter| parameter.kind == ParameterKind::Buffer)
    }

    /// Iterates over the weights and buffers of `layer`: those named `<layer>.<something>`.
    pub fn of_layer(&self, layer: &str) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(move |parameter| parameter.is_of_layer(layer))
    }

    /// Iterates over the kernels of the convolutions, `[outputs, inputs, height, width]`, in
    /// forward order. A ResNet's downsampling convolutions, which are on the shortcuts, and DeiT's
    /// patch embedding are not listed.
    pub fn convolutions(&self) -> impl Iterator<Item = &Parameter> {
        self.convolutions.iter().map(|&index| &self.entries[index])
    }
}
