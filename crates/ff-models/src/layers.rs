//! Layers with fp32 weights, which are cast together with the activations where a layer computes in
//! another type.
//!
//! Dropout masks are drawn in Rust from (seed, layer's name). libtorch's generator is global to the
//! process, so with it two runs in one process would change each other's masks.

use rand_chacha::rand_core::Rng;
use tch::{Kind, Tensor};

use crate::backbone::Mode;
use crate::builder::Builder;
use crate::init::Init;
use crate::random::stream;

/// A 2-D convolution with a square kernel.
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: i64,
    compute: Kind,
}

impl Conv2d {
    /// Makes a convolution from a kernel `[outputs, inputs, side, side]` and an optional bias
    /// `[outputs]`.
    pub fn new(b: &Builder, weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64) -> Self {
        Self { weight, bias, stride, padding, compute: b.precision.kind() }
    }

    /// Maps `[N, inputs, H, W]` to `[N, outputs, H', W']`, in the model's precision.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.to_kind(self.compute).conv2d(
            &self.weight.to_kind(self.compute),
            self.bias.as_ref().map(|bias| bias.to_kind(self.compute)),
            [self.stride, self.stride],
            [self.padding, self.padding],
            [1, 1],
            1,
        )
    }
}

/// A linear layer: `y = x Wᵀ + b`.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    compute: Kind,
}

impl Linear {
    /// Declares `<name>.weight` and `<name>.bias`; `size` is `[inputs, outputs]`.
    pub fn new(b: &mut Builder, name: &str, size: [i64; 2], weight: Init, bias: Init) -> Self {
        let [inputs, outputs] = size;
        Self {
            weight: b.weight(format!("{name}.weight"), &[outputs, inputs], weight),
            bias: b.weight(format!("{name}.bias"), &[outputs], bias),
            compute: b.precision.kind(),
        }
    }

    /// Makes the layer compute in fp32 whatever the model's precision. The last layer does, since
    /// its logits rank models.
    pub fn in_fp32(self) -> Self {
        Self { compute: Kind::Float, ..self }
    }

    /// Maps `[…, inputs]` to `[…, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.to_kind(self.compute)
            .linear(&self.weight.to_kind(self.compute), Some(&self.bias.to_kind(self.compute)))
    }
}

/// BatchNorm over `[N, C, H, W]`, epsilon 1e-5, momentum 0.1. Activations may be bf16; statistics
/// and parameters are fp32, as under PyTorch's autocast.
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    num_batches_tracked: Tensor,
}

impl BatchNorm {
    /// Declares `<name>.weight`, which starts at `gain`, `<name>.bias`, running statistics and
    /// their count of batches.
    pub fn new(b: &mut Builder, name: &str, channels: i64, gain: f32) -> Self {
        Self {
            weight: b.weight(format!("{name}.weight"), &[channels], Init::Constant(gain)),
            bias: b.weight(format!("{name}.bias"), &[channels], Init::Constant(0.0)),
            running_mean: b.buffer(format!("{name}.running_mean"), &[channels], 0.0),
            running_var: b.buffer(format!("{name}.running_var"), &[channels], 1.0),
            num_batches_tracked: b.counter(format!("{name}.num_batches_tracked")),
        }
    }

    /// Normalises `[N, C, H, W]`. [`Mode`] decides which statistics are used and whether the
    /// running ones are updated.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut batches = self.num_batches_tracked.shallow_clone();
        let momentum = match mode {
            Mode::Eval => None,
            Mode::Train { .. } => {
                let _ = batches.g_add_scalar_(1);
                Some(0.1)
            }
            Mode::Recalibrate { batch } => {
                let _ = batches.fill_(i64::from(batch));
                Some(1.0 / f64::from(batch))
            }
        };
        x.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            momentum.is_some(),
            momentum.unwrap_or_default(),
            1e-5,
            true,
        )
    }
}

/// LayerNorm over the last dimension, in fp32, with epsilon 1e-6 as in timm's vision transformers.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    width: i64,
}

impl LayerNorm {
    /// Declares `<name>.weight` and `<name>.bias`.
    pub fn new(b: &mut Builder, name: &str, width: i64) -> Self {
        Self {
            weight: b.weight(format!("{name}.weight"), &[width], Init::Constant(1.0)),
            bias: b.weight(format!("{name}.bias"), &[width], Init::Constant(0.0)),
            width,
        }
    }

    /// Normalises `[…, width]`, in fp32.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.to_kind(Kind::Float).layer_norm([self.width], Some(&self.weight), Some(&self.bias), 1e-6, true)
    }
}

/// Applies dropout with probability 1/2 to `[N, C]`: each element takes a bit of the stream of
/// (seed, `name`), and elements that stay are doubled. It is the identity outside `Mode::Train`.
pub fn dropout_half(x: Tensor, mode: Mode, name: &str) -> Tensor {
    let Mode::Train { seed } = mode else { return x };
    let mut bytes = vec![0u8; x.numel().div_ceil(8)];
    stream(seed, "dropout", name).fill_bytes(&mut bytes);
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    let mask: Vec<u8> = bits.take(x.numel()).map(|bit| 2 * bit).collect();
    let mask = Tensor::from_slice(&mask).view(x.size().as_slice());
    &x * mask.to_device(x.device()).to_kind(x.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn dropout_doubles_half_and_depends_only_on_seed_and_name() {
        let x = Tensor::ones([20, 501], (Kind::Float, Device::Cpu));
        let drop = |seed, name| dropout_half(x.shallow_clone(), Mode::Train { seed }, name);
        let (a, b) = (drop(7, "classifier.2"), drop(7, "classifier.2"));
        assert!(a.equal(&b));
        assert!(!a.equal(&drop(8, "classifier.2")) && !a.equal(&drop(7, "classifier.5")));
        assert!((a.mean(Kind::Double).double_value(&[]) - 1.0).abs() < 0.05);
        assert_eq!(a.eq(0.0).logical_or(&a.eq(2.0)).sum(Kind::Int64).int64_value(&[]), 20 * 501);
        assert!(dropout_half(x.shallow_clone(), Mode::Eval, "classifier.2").equal(&x));
    }
}
