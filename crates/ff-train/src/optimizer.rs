//! The optimizer, with a state that can be saved.
//!
//! libtorch's fused update rules read and write memory once, in one kernel for many parameters.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::Parameter;
use tch::{Device, Kind, Tensor};

use crate::error::Error;
use crate::optimizer_config::OptimizerConfig;

/// The trained parameters and the state of the update rule.
///
/// All parameters become views of one flat buffer, each in its own memory layout, as do the moments
/// that the rule keeps.
///
/// ```
/// use ff_models::{Parameter, ParameterKind};
/// use ff_train::tch::{Kind, Tensor};
/// use ff_train::{Optimizer, OptimizerConfig};
///
/// let tensor = Tensor::from_slice(&[3f32]);
/// let weight = Parameter { name: "w".into(), tensor, kind: ParameterKind::Weight };
/// let sgd = OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.0 };
/// let mut optimizer = Optimizer::new(&sgd, std::iter::once(&weight));
/// optimizer.step(&weight.tensor.square().sum(Kind::Float), 0.1); // the gradient is 6
/// assert!((weight.tensor.double_value(&[0]) - 2.4).abs() < 1e-6);
/// ```
pub struct Optimizer {
    config: OptimizerConfig,
    parameters: Vec<Tensor>,
    /// The flat buffer.
    flat: Tensor,
    /// Each parameter's values in memory order, `[elements]`: parts of the flat buffer.
    weights: Vec<Tensor>,
    /// AdamW: first and second moments. SGD: the momentum buffer.
    moments: Vec<Moment>,
    steps: i64,
}

/// A value that the rule keeps for each weight.
struct Moment {
    name: &'static str,
    flat: Tensor,
    /// The part of each parameter.
    parts: Vec<Tensor>,
}

impl Optimizer {
    /// Takes over the parameters: moves their values into a flat buffer and turns their gradients
    /// on.
    ///
    /// # Panics
    /// If there are no parameters.
    pub fn new<'a>(config: &OptimizerConfig, parameters: impl Iterator<Item = &'a Parameter>) -> Self {
        let mut handles: Vec<Tensor> = parameters.map(|parameter| parameter.tensor.shallow_clone()).collect();
        let device = handles[0].device();
        let lengths: Vec<i64> = handles.iter().map(|tensor| tensor.numel() as i64).collect();
        let flat = || Tensor::zeros([lengths.iter().sum::<i64>()], (Kind::Float, device));
        let all = flat();
        let weights = all.split_with_sizes(&lengths, 0);
        for (tensor, part) in handles.iter_mut().zip(&weights) {
            let mut view = part.as_strided(tensor.size(), tensor.stride(), None);
            tch::no_grad(|| view.copy_(tensor));
            tensor.set_data(&view);
            *tensor = tensor.set_requires_grad(true);
        }
        let moment = |name| {
            let flat = flat();
            Moment { name, parts: flat.split_with_sizes(&lengths, 0), flat }
        };
        let moments = config.moments().iter().copied().map(moment).collect();
        Self { config: config.clone(), parameters: handles, flat: all, weights, moments, steps: 0 }
    }

    /// Returns the flat buffer of all parameters, in their order, each in its memory layout.
    pub(crate) fn weights(&self) -> &Tensor {
        &self.flat
    }

    /// Does one step: computes the gradient of `loss` and updates the parameters with the learning
    /// rate `lr`.
    pub fn step(&mut self, loss: &Tensor, lr: f64) {
        let gradients = Tensor::run_backward(&[loss], &self.parameters, false, false);
        self.steps += 1;
        tch::no_grad(|| {
            let gradients = self.parameters.iter().zip(&gradients).map(|(parameter, gradient)| {
                in_memory_order(gradient, parameter).as_strided([parameter.numel() as i64], [1], None)
            });
            let gradients: Vec<Tensor> = gradients.collect();
            let moments: Vec<_> = self.moments.iter().map(|moment| refs(&moment.parts)).collect();
            self.config.update(&refs(&self.weights), &refs(&gradients), &moments, self.steps, lr);
        });
    }

    /// Returns the state that a resumed run needs: flat moments in the order of the parameters, and
    /// the number of steps.
    pub fn state(&self) -> BTreeMap<String, OwnedTensor> {
        let moments = self.moments.iter().map(|Moment { name, flat, .. }| {
            let values = Vec::<f32>::try_from(flat.to_device(Device::Cpu)).expect("flat 32-bit floats");
            ((*name).to_owned(), OwnedTensor::f32([values.len()], &values))
        });
        moments.chain([("step".to_owned(), OwnedTensor::i64([], &[self.steps]))]).collect()
    }

    /// Loads a state that [`Optimizer::state`] returned, under names that start with `prefix`.
    ///
    /// # Errors
    /// [`Error::OptimizerState`] if it belongs to another rule or another number of parameters.
    pub fn load_state(&mut self, state: &StateDict, prefix: &str) -> Result<(), Error> {
        let wrong = |reason: String| Error::OptimizerState { path: state.path().map(Into::into), reason };
        let get = |name: &str| {
            let name = format!("{prefix}{name}");
            state.get(&name).ok_or_else(|| wrong(format!("expected a tensor `{name}`, found none")))
        };
        for Moment { name, flat, .. } in &mut self.moments {
            let values = get(name)?.to_f32().ok_or_else(|| wrong(format!("`{name}`: expected floats")))?;
            if values.len() != flat.numel() {
                let expected = flat.numel();
                return Err(wrong(format!("`{name}`: expected {expected} values, found {}", values.len())));
            }
            flat.copy_(&Tensor::from_slice(&values));
        }
        self.steps = get("step")?
            .to_i64()
            .and_then(|steps| steps.first().copied())
            .ok_or_else(|| wrong("`step`: expected an integer".into()))?;
        Ok(())
    }
}

/// Returns a gradient in the memory layout of its parameter; usually that is the gradient itself.
fn in_memory_order(gradient: &Tensor, parameter: &Tensor) -> Tensor {
    // The stride of a dimension of one element, as of a 1×1 kernel, says nothing.
    let strides = gradient.stride().into_iter().zip(parameter.stride()).zip(parameter.size());
    if strides.into_iter().all(|((one, other), size)| one == other || size == 1) {
        return gradient.shallow_clone();
    }
    let mut same = parameter.empty_like();
    same.copy_(gradient);
    same
}

fn refs(tensors: &[Tensor]) -> Vec<&Tensor> {
    tensors.iter().collect()
}
