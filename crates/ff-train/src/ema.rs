//! The exponential moving average of a run's weights.
//!
//! After step t, counted from 1, θ̄ ← β_t θ̄ + (1 − β_t) θ with β_t = min(β, (1 + t) / (10 + t)), the
//! rule of TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`. With β alone, the
//! initial weights would have a share of βᵗ after t steps: with 0.999, 37 % after 1,000 steps.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::Model;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::error::Error;
use crate::optimizer::Optimizer;

/// An exponential moving average (EMA) of a run's weights: θ̄ ← βθ̄ + (1 − β)θ after each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Ema {
    /// β, in [0, 1). It is smaller in the first steps: at most (1 + t) / (10 + t) after step t, so
    /// that the initial weights have next to no share in the average of a short run.
    pub decay: f64,
}

impl Default for Ema {
    fn default() -> Self {
        Self { decay: 0.999 }
    }
}

impl Ema {
    /// Checks the decay, which the configuration has under `key`.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn check(&self, key: &str) -> Result<(), Error> {
        match self.decay {
            decay if (0.0..1.0).contains(&decay) => Ok(()),
            decay => Err(Error::Config(format!("{key}: expected a number in [0, 1), found {decay}"))),
        }
    }
}

/// The moving average of the weights that an optimizer trains.
///
/// ```
/// use ff_models::{Parameter, ParameterKind};
/// use ff_train::tch::{Kind, Tensor};
/// use ff_train::{Ema, MovingAverage, Optimizer, OptimizerConfig};
///
/// let tensor = Tensor::from_slice(&[3f32]);
/// let weight = Parameter { name: "w".into(), tensor, kind: ParameterKind::Weight };
/// let sgd = OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.0 };
/// let mut optimizer = Optimizer::new(&sgd, std::iter::once(&weight));
/// let mut average = MovingAverage::new(Ema { decay: 0.1 }, &optimizer);
/// optimizer.step(&weight.tensor.square().sum(Kind::Float), 0.1); // from 3 to 2.4
/// average.update(&optimizer);
/// assert!((average.weights()[0] - (0.1 * 3.0 + 0.9 * 2.4)).abs() < 1e-6);
/// ```
pub struct MovingAverage {
    decay: f64,
    /// The average, in the order and memory layout of the optimizer's buffer.
    flat: Tensor,
    steps: i64,
}

impl MovingAverage {
    /// Starts at the optimizer's current weights.
    pub fn new(config: Ema, optimizer: &Optimizer) -> Self {
        Self { decay: config.decay, flat: optimizer.weights().copy(), steps: 0 }
    }

    /// Takes up the weights after a step, in one pass on the device.
    pub fn update(&mut self, optimizer: &Optimizer) {
        self.steps += 1;
        let step = self.steps as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        let _ = tch::no_grad(|| self.flat.lerp_(optimizer.weights(), 1.0 - decay));
    }

    /// Returns the averages in the order of the optimizer's parameters, each in its memory layout.
    pub fn weights(&self) -> Vec<f32> {
        Vec::<f32>::try_from(self.flat.to_device(Device::Cpu)).expect("flat 32-bit floats")
    }

    /// Copies the averages into the weights of a model of the same specification.
    pub(crate) fn copy_to(&self, model: &Model) {
        let mut weights: Vec<Tensor> =
            model.parameters().trainable().map(|parameter| parameter.tensor.shallow_clone()).collect();
        let lengths: Vec<i64> = weights.iter().map(|tensor| tensor.numel() as i64).collect();
        let parts = self.flat.split_with_sizes(&lengths, 0);
        tch::no_grad(|| {
            for (tensor, part) in weights.iter_mut().zip(&parts) {
                tensor.copy_(&part.as_strided(tensor.size(), tensor.stride(), None));
            }
        });
    }

    /// Returns the state that a resumed run needs.
    pub(crate) fn state(&self) -> BTreeMap<String, OwnedTensor> {
        let weights = self.weights();
        let weights = OwnedTensor::f32([weights.len()], &weights);
        BTreeMap::from([
            ("weights".to_owned(), weights),
            ("step".to_owned(), OwnedTensor::i64([], &[self.steps])),
        ])
    }

    /// Loads a state that [`state`](Self::state) returned, under names that start with `prefix`;
    /// `None` if it is missing, or of another number of weights.
    pub(crate) fn load_state(&mut self, state: &StateDict, prefix: &str) -> Option<()> {
        let weights = state.get(&format!("{prefix}weights"))?.to_f32()?;
        let steps = state.get(&format!("{prefix}step"))?.to_i64()?;
        if weights.len() != self.flat.numel() {
            return None;
        }
        self.flat.copy_(&Tensor::from_slice(&weights));
        self.steps = *steps.first()?;
        Some(())
    }
}
