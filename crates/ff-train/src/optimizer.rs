//! The optimizer, with a state that can be saved.
//!
//! An update is element by element, so blocks of any length give the same bits. On the CPU an
//! update runs in blocks that stay in the cache through all operations of the rule, so memory is
//! read and written once. On a GPU, where every operation is a kernel launch, gradients are first
//! copied into one buffer and updated as a whole.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::Parameter;
use tch::{Device, Kind, Tensor};

use crate::error::Error;
use crate::optimizer_config::OptimizerConfig;

/// Elements per block of an update: four arrays of this length fit a core's own cache.
const CPU_BLOCK: i64 = 1 << 16;

/// The trained parameters and the state of the update rule.
///
/// All parameters become views of one flat buffer, each in its own memory layout, so that an update
/// is a few operations however many tensors a model has.
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
    weights: Tensor,
    /// On a GPU: a buffer for all gradients, and each parameter's view of it.
    flat_gradients: Option<(Tensor, Vec<Tensor>)>,
    /// AdamW: first and second moments. SGD: the momentum buffer.
    moments: Vec<(&'static str, Tensor)>,
    steps: i64,
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
        let total: i64 = handles.iter().map(|tensor| tensor.numel() as i64).sum();
        let flat = || Tensor::zeros([total], (Kind::Float, device));
        let weights = flat();
        let gradients = (device != Device::Cpu).then(flat);
        let mut gradient_views = Vec::new();
        let mut offset = 0;
        for tensor in &mut handles {
            let (size, stride) = (tensor.size(), tensor.stride());
            let mut view = weights.as_strided(&size, &stride, offset);
            tch::no_grad(|| view.copy_(tensor));
            gradient_views.extend(gradients.as_ref().map(|flat| flat.as_strided(&size, &stride, offset)));
            tensor.set_data(&view);
            *tensor = tensor.set_requires_grad(true);
            offset += tensor.numel() as i64;
        }
        Self {
            config: config.clone(),
            parameters: handles,
            moments: config.moments().iter().map(|name| (*name, flat())).collect(),
            weights,
            flat_gradients: gradients.map(|flat| (flat, gradient_views)),
            steps: 0,
        }
    }

    /// Does one step: computes the gradient of `loss` and updates the parameters with the learning
    /// rate `lr`.
    pub fn step(&mut self, loss: &Tensor, lr: f64) {
        let gradients = Tensor::run_backward(&[loss], &self.parameters, false, false);
        self.steps += 1;
        tch::no_grad(|| match &mut self.flat_gradients {
            // One buffer saves a launch for each parameter and operation.
            Some((flat, views)) => {
                for (view, gradient) in views.iter_mut().zip(&gradients) {
                    view.copy_(gradient);
                }
                let flat = flat.shallow_clone();
                self.update(0, &flat, lr);
            }
            None => {
                let mut offset = 0;
                for (parameter, gradient) in self.parameters.iter().zip(gradients) {
                    let length = parameter.numel() as i64;
                    let gradient = in_memory_order(&gradient, parameter).as_strided([length], [1], None);
                    self.update(offset, &gradient, lr);
                    offset += length;
                }
            }
        });
    }

    /// Updates the weights from `offset` on with their gradient, whose memory is overwritten.
    fn update(&self, offset: i64, gradient: &Tensor, lr: f64) {
        let total = gradient.size()[0];
        let block = if gradient.device() == Device::Cpu { CPU_BLOCK } else { total };
        for start in (0..total).step_by(block as usize) {
            let length = block.min(total - start);
            let part = |tensor: &Tensor| tensor.narrow(0, offset + start, length);
            let moments = self.moments.iter().map(|(_, moment)| part(moment)).collect();
            self.config.update(
                part(&self.weights),
                gradient.narrow(0, start, length),
                moments,
                self.steps,
                lr,
            );
        }
    }

    /// Returns the state that a resumed run needs: flat moments in the order of the parameters, and
    /// the number of steps.
    pub fn state(&self) -> BTreeMap<String, OwnedTensor> {
        let moments = self.moments.iter().map(|(name, tensor)| {
            let values = Vec::<f32>::try_from(tensor.to_device(Device::Cpu)).expect("flat 32-bit floats");
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
        for (name, moment) in &mut self.moments {
            let values = get(name)?.to_f32().ok_or_else(|| wrong(format!("`{name}`: expected floats")))?;
            if values.len() != moment.numel() {
                let expected = moment.numel();
                return Err(wrong(format!("`{name}`: expected {expected} values, found {}", values.len())));
            }
            moment.copy_(&Tensor::from_slice(&values));
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
    if gradient.stride() == parameter.stride() {
        return gradient.shallow_clone();
    }
    let mut same = parameter.empty_like();
    same.copy_(gradient);
    same
}
