//! The update rules: AdamW and SGD.

use serde::{Deserialize, Serialize};
use tch::Tensor;

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

    /// Does one step of the rule for some of the weights. The gradient's memory is overwritten.
    pub(crate) fn update(
        &self,
        mut weights: Tensor,
        mut gradient: Tensor,
        mut moments: Vec<Tensor>,
        steps: i64,
        lr: f64,
    ) {
        match (self, moments.as_mut_slice()) {
            (&Self::AdamW { betas: [beta1, beta2], eps, weight_decay }, [mean, square]) => {
                let correction = |beta: f64| 1.0 - beta.powi(steps as i32);
                let _ = weights.g_mul_scalar_(1.0 - lr * weight_decay);
                let _ = mean.lerp_(&gradient, 1.0 - beta1);
                let _ = gradient.square_();
                let _ = square.lerp_(&gradient, 1.0 - beta2);
                // The gradient is no longer needed: its buffer takes the denominator, with the step
                // size as a factor, since tch's addcdiv_ has no `value`.
                gradient.copy_(square);
                let _ = gradient.sqrt_();
                let _ = gradient.g_div_scalar_(correction(beta2).sqrt());
                let _ = gradient.g_add_scalar_(eps);
                let _ = gradient.g_mul_scalar_(-correction(beta1) / lr);
                let _ = weights.addcdiv_(mean, &gradient);
            }
            (&Self::Sgd { momentum, weight_decay }, [buffer]) => {
                let _ = gradient.g_add_(&(&weights * weight_decay));
                // PyTorch's first momentum is the gradient itself; a buffer of zeros gives the
                // same.
                let _ = buffer.g_mul_scalar_(momentum);
                let _ = buffer.g_add_(&gradient);
                let _ = weights.g_sub_(&(&*buffer * lr));
            }
            _ => unreachable!("moments are made to fit the configuration"),
        }
    }
}
