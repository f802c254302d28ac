//! The update rules: AdamW and SGD.

use ff_torch_sys::{AdamW, fused_adamw, fused_sgd};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::Error;

/// The update rule with its constants. The schedule gives the learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.
    #[serde(rename = "adamw")]
    AdamW {
        /// Decay rates of the first and the second moment, each in [0, 1).
        #[serde(default = "betas")]
        betas: [f64; 2],
        /// Added to the denominator; 0 or more.
        #[serde(default = "eps")]
        eps: f64,
        /// Decoupled weight decay of every trained parameter; 0 or more.
        #[serde(default = "decoupled_weight_decay")]
        weight_decay: f64,
    },
    /// Stochastic gradient descent with momentum, as `torch.optim.SGD` (no dampening, no Nesterov).
    Sgd {
        /// Momentum in [0, 1); 0: none.
        #[serde(default = "momentum")]
        momentum: f64,
        /// L2 penalty on every trained parameter; 0 or more.
        #[serde(default = "l2_weight_decay")]
        weight_decay: f64,
    },
}

/// PyTorch's defaults, which FissionFusion keeps.
fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn eps() -> f64 {
    1e-8
}

fn decoupled_weight_decay() -> f64 {
    0.01
}

/// InMerge §3.1, as is the weight decay below.
fn momentum() -> f64 {
    0.9
}

fn l2_weight_decay() -> f64 {
    1e-4
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::adamw(decoupled_weight_decay())
    }
}

impl OptimizerConfig {
    /// AdamW with PyTorch's betas (0.9, 0.999) and epsilon (1e-8).
    pub fn adamw(weight_decay: f64) -> Self {
        Self::AdamW { betas: betas(), eps: eps(), weight_decay }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let (in_unit, not_negative) = match *self {
            Self::AdamW { betas: [first, second], eps, weight_decay } => (
                vec![("betas", first), ("betas", second)],
                vec![("eps", eps), ("weight_decay", weight_decay)],
            ),
            Self::Sgd { momentum, weight_decay } => {
                (vec![("momentum", momentum)], vec![("weight_decay", weight_decay)])
            }
        };
        if let Some((name, value)) = in_unit.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
            return Err(Error::Config(format!(
                "optimizer.{name}: expected a number in [0, 1), found {value}"
            )));
        }
        if let Some((name, value)) = not_negative.iter().find(|(_, value)| !value.is_finite() || *value < 0.0)
        {
            return Err(Error::Config(format!("optimizer.{name}: expected 0 or more, found {value}")));
        }
        Ok(())
    }

    /// Returns PyTorch's names of the state that the rule keeps for each weight.
    pub(crate) fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW { .. } => &["exp_avg", "exp_avg_sq"],
            Self::Sgd { .. } => &["momentum_buffer"],
        }
    }

    /// Does step `steps`, counted from 1, of the rule with the learning rate `lr`.
    pub(crate) fn update(
        &self,
        weights: &[&Tensor],
        gradients: &[&Tensor],
        moments: &[Vec<&Tensor>],
        steps: i64,
        lr: f64,
    ) {
        match (self, moments) {
            (&Self::AdamW { betas, eps, weight_decay }, [means, squares]) => {
                let rule = AdamW { lr, betas, weight_decay, eps };
                let step = Tensor::full([0i64; 0], steps, (Kind::Float, weights[0].device()));
                fused_adamw(rule, weights, gradients, [means, squares], &step);
            }
            (&Self::Sgd { momentum, weight_decay }, [momenta]) => {
                fused_sgd(weights, gradients, momenta, momentum, weight_decay, lr);
            }
            _ => unreachable!("moments are made to fit the configuration"),
        }
    }
}
