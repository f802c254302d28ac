//! Declaration and initialisation of a model's tensors.

use tch::{Device, Kind, Tensor};

use crate::init::Init;
use crate::parameters::{Parameter, ParameterKind, Parameters};
use crate::precision::Precision;

/// Creates the tensors of a model: names them, draws their values and keeps a handle to each for
/// the model's [`Parameters`]. Declare tensors in PyTorch's order; declaring a name twice panics.
#[derive(Debug)]
pub struct Builder {
    /// Side of the images in pixels.
    pub image_size: i64,
    /// Number of logits.
    pub outputs: i64,
    /// Type that the layers compute in.
    pub precision: Precision,
    pub(crate) device: Device,
    /// Seed of the values; `None` leaves them uninitialised.
    pub(crate) seed: Option<u64>,
    pub(crate) parameters: Parameters,
}

impl Builder {
    /// Makes a builder of a model. Its values are drawn from a seed, or left uninitialised.
    pub(crate) fn new(
        image_size: u32,
        outputs: usize,
        precision: Precision,
        device: Device,
        seed: Option<u64>,
    ) -> Self {
        Self {
            image_size: i64::from(image_size),
            outputs: outputs as i64,
            precision,
            device,
            seed,
            parameters: Parameters::default(),
        }
    }

    /// Declares a weight: fp32, trained, channels-last if it has four dimensions.
    pub fn weight(&mut self, name: String, shape: &[i64], init: Init) -> Tensor {
        let tensor = self.fill(&name, shape, init).set_requires_grad(true);
        self.keep(Parameter { name, tensor, kind: ParameterKind::Weight }, false)
    }

    /// Declares the kernel of a convolution on the forward path,
    /// `[outputs, inputs, height, width]`: a weight that [`Parameters::convolutions`] lists.
    pub fn kernel(&mut self, name: String, shape: [i64; 4], init: Init) -> Tensor {
        let tensor = self.fill(&name, &shape, init).set_requires_grad(true);
        self.keep(Parameter { name, tensor, kind: ParameterKind::Weight }, true)
    }

    /// Declares an fp32 buffer that starts at one value. It is saved with the weights and not
    /// trained.
    pub fn buffer(&mut self, name: String, shape: &[i64], value: f32) -> Tensor {
        let tensor = self.fill(&name, shape, Init::Constant(value));
        self.keep(Parameter { name, tensor, kind: ParameterKind::Buffer }, false)
    }

    /// Declares a count that starts at 0: a buffer that is a scalar i64.
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
