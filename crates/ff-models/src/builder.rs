//! The maker of a model's tensors, while the model is declared.

use tch::{Device, Kind, Tensor};

use crate::init::Init;
use crate::parameters::{Parameter, ParameterKind, Parameters};
use crate::precision::Precision;

/// Makes the tensors of a model while it is declared: names them, draws them, and keeps a handle on
/// each, which becomes one of the model's [`Parameters`]. Declare them in PyTorch's order; a name
/// that is declared twice panics.
#[derive(Debug)]
pub struct Builder {
    /// Side of the images in pixels.
    pub image_size: i64,
    /// Number of logits.
    pub outputs: i64,
    /// Type that the layers compute in.
    pub precision: Precision,
    pub(crate) device: Device,
    /// Seed of the values; without one they are left as the memory had them.
    pub(crate) seed: Option<u64>,
    pub(crate) parameters: Parameters,
}

impl Builder {
    /// A weight, fp32 and trained; channels-last where it has four dimensions.
    pub fn weight(&mut self, name: String, shape: &[i64], init: Init) -> Tensor {
        let tensor = self.fill(&name, shape, init).set_requires_grad(true);
        self.keep(Parameter { name, tensor, kind: ParameterKind::Weight }, false)
    }

    /// The kernel of a convolution on the forward path, `[outputs, inputs, height, width]`: a
    /// weight that [`Parameters::convolutions`] lists.
    pub fn kernel(&mut self, name: String, shape: [i64; 4], init: Init) -> Tensor {
        let tensor = self.fill(&name, &shape, init).set_requires_grad(true);
        self.keep(Parameter { name, tensor, kind: ParameterKind::Weight }, true)
    }

    /// A buffer of fp32 that starts at one value: kept with the weights and not trained.
    pub fn buffer(&mut self, name: String, shape: &[i64], value: f32) -> Tensor {
        let tensor = self.fill(&name, shape, Init::Constant(value));
        self.keep(Parameter { name, tensor, kind: ParameterKind::Buffer }, false)
    }

    /// A count, which starts at 0: a buffer that is a scalar i64.
    pub fn counter(&mut self, name: String) -> Tensor {
        let tensor = Tensor::zeros([0i64; 0], (Kind::Int64, self.device));
        self.keep(Parameter { name, tensor, kind: ParameterKind::Buffer }, false)
    }

    fn fill(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        let options = (Kind::Float, self.device);
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

    fn keep(&mut self, parameter: Parameter, is_kernel: bool) -> Tensor {
        let handle = parameter.tensor.shallow_clone();
        self.parameters.push(parameter, is_kernel);
        handle
    }
}
