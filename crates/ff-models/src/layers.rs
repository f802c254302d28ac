//! Layers with fp32 weights, which are cast together with the activations where a layer computes in
//! another type.

use tch::{Device, Kind, Tensor};

use crate::backbone::Mode;
use crate::builder::Builder;
use crate::cost::count_layer;
pub use crate::dropout::dropout_half;
use crate::init::Init;
use crate::onnx::{Attribute, Graph};
pub use crate::pooling::{adaptive_average, adaptive_average_onnx};
use crate::tap::see;

/// A 2-D convolution with a square kernel.
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: i64,
    compute: Kind,
    /// The weight's; none for a kernel that is none of the model's parameters.
    name: Option<String>,
}

impl Conv2d {
    /// Makes a convolution from a kernel `[outputs, inputs, side, side]` and an optional bias
    /// `[outputs]`.
    pub fn new(b: &Builder, weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64) -> Self {
        let name = b.parameters.name_of(&weight).map(str::to_owned);
        Self { weight, bias, stride, padding, compute: b.precision.kind(), name }
    }

    /// Maps `[N, inputs, H, W]` to `[N, outputs, H', W']`, in the model's precision.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.convolve(x, &self.weight, self.bias.as_ref())
    }

    /// Maps `[N, inputs, H, W]` to `[N, outputs, H', W']` and normalises it, as [`forward`] and
    /// [`BatchNorm::forward`] do one after the other. In `Mode::Eval` a normalisation is a factor
    /// and a shift of each channel. On the CPU they are folded into the weights where these are fewer
    /// than the activations, which are then written once less. On a GPU libtorch adds the bias in a
    /// pass of its own, so nothing would be gained; in bf16 folding would round the normalisation.
    ///
    /// [`forward`]: Self::forward
    pub fn normalised(&self, x: &Tensor, norm: &BatchNorm, mode: Mode) -> Tensor {
        let on_cpu = x.device() == Device::Cpu && self.compute == Kind::Float;
        if mode != Mode::Eval || !on_cpu || !self.has_fewer_weights(x) {
            return norm.forward(&self.forward(x), mode);
        }
        let (factor, shift) = norm.affine();
        let weight = &self.weight * factor.view([-1, 1, 1, 1]);
        let bias = self.bias.as_ref().map_or_else(|| shift.shallow_clone(), |bias| &factor * bias + &shift);
        self.convolve(x, &weight, Some(&bias))
    }

    /// Returns whether a kernel has fewer weights than its map of the images `x` has places.
    fn has_fewer_weights(&self, x: &Tensor) -> bool {
        let kernel: i64 = self.weight.size()[1..].iter().product();
        let [images, _, height, width] = x.size()[..] else { return false };
        kernel * self.stride * self.stride < images * height * width
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        if let Some(name) = &self.name {
            see(name, x, weight, Some([self.stride, self.padding]));
        }
        let y = x.to_kind(self.compute).conv2d(
            &weight.to_kind(self.compute),
            bias.map(|bias| bias.to_kind(self.compute)),
            [self.stride, self.stride],
            [self.padding, self.padding],
            [1, 1],
            1,
        );
        count_layer(&y, weight);
        y
    }

    /// Adds [`forward`](Self::forward), in fp32, to an ONNX graph.
    pub fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let mut inputs = vec![x.to_owned(), graph.constant(&self.weight)];
        inputs.extend(self.bias.as_ref().map(|bias| graph.constant(bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let attributes =
            [("strides", Attribute::Ints(&[self.stride; 2])), ("pads", Attribute::Ints(&[self.padding; 4]))];
        graph.node("Conv", &inputs, &attributes)
    }
}

/// A linear layer: `y = x Wᵀ + b`.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    compute: Kind,
    /// The weight's.
    name: String,
}

impl Linear {
    /// Declares `<name>.weight` and `<name>.bias`; `size` is `[inputs, outputs]`.
    pub fn new(b: &mut Builder, name: &str, size: [i64; 2], weight: Init, bias: Init) -> Self {
        let [inputs, outputs] = size;
        Self {
            weight: b.weight(format!("{name}.weight"), &[outputs, inputs], weight),
            bias: b.weight(format!("{name}.bias"), &[outputs], bias),
            compute: b.precision.kind(),
            name: format!("{name}.weight"),
        }
    }

    /// Makes the layer compute in fp32 whatever the model's precision. The last layer does, since
    /// its logits rank models.
    pub fn in_fp32(self) -> Self {
        Self { compute: Kind::Float, ..self }
    }

    /// Maps `[…, inputs]` to `[…, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        see(&self.name, x, &self.weight, None);
        let weight = self.weight.to_kind(self.compute);
        let y = x.to_kind(self.compute).linear(&weight, Some(&self.bias.to_kind(self.compute)));
        count_layer(&y, &weight);
        y
    }

    /// Adds [`forward`](Self::forward), in fp32, to an ONNX graph.
    pub fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let [weight, bias] = [&self.weight, &self.bias].map(|value| graph.constant(value));
        // Runtimes transpose a constant once, when they load the file.
        let weight = graph.transpose(&weight, &[1, 0]);
        let product = graph.matmul(x, &weight);
        graph.add(&product, &bias)
    }
}

/// Added to a variance in BatchNorm.
const EPSILON: f64 = 1e-5;

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

    /// Returns the factor and the shift, each `[C]`, that normalisation in `Mode::Eval` amounts to.
    fn affine(&self) -> (Tensor, Tensor) {
        let factor = &self.weight * (&self.running_var + EPSILON).rsqrt();
        let shift = &self.bias - &self.running_mean * &factor;
        (factor, shift)
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
            Mode::Batch => Some(0.0),
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
            EPSILON,
            true,
        )
    }

    /// Adds [`forward`](Self::forward) in `Mode::Eval` to an ONNX graph.
    pub fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let [weight, bias, mean, var] = [&self.weight, &self.bias, &self.running_mean, &self.running_var]
            .map(|value| graph.constant(value));
        let epsilon = ("epsilon", Attribute::Float(EPSILON as f32));
        graph.node("BatchNormalization", &[x, &weight, &bias, &mean, &var], &[epsilon])
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

    /// Adds [`forward`](Self::forward) to an ONNX graph.
    pub fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let [weight, bias] = [&self.weight, &self.bias].map(|value| graph.constant(value));
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(1e-6))];
        graph.node("LayerNormalization", &[x, &weight, &bias], &attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;
    use crate::precision::Precision;
    use crate::tap::record;

    fn builder() -> Builder {
        Builder {
            image_size: 8,
            outputs: 1,
            precision: Precision::Fp32,
            device: Device::Cpu,
            seed: Some(0),
            parameters: Parameters::default(),
        }
    }

    #[test]
    fn inner_products_of_inputs_give_those_of_outputs() {
        let mut b = builder();
        let x = Tensor::arange(2 * 3 * 49, (Kind::Float, Device::Cpu)).sin().view([2, 3, 7, 7]);
        let close = |found: &Tensor, expected: &Tensor| {
            let off = (found - expected).abs().max().double_value(&[]);
            assert!(off < 1e-4, "off by {off}");
        };
        for (side, stride, padding) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (4, 3, 2)] {
            let name = format!("{side}.{stride}.weight");
            let weight = b.kernel(name.clone(), [5, 3, side, side], Init::Normal(0.5));
            let conv = Conv2d::new(&b, weight.shallow_clone(), None, stride, padding);
            let mut outputs = Tensor::new();
            let inputs = record(3 * 16, || outputs = conv.forward(&x));
            assert_eq!(inputs.iter().map(|input| &input.weight).collect::<Vec<_>>(), [&name]);
            // (X Wᵀ)ᵀ X Wᵀ = W XᵀX Wᵀ
            let weight = weight.reshape([5, -1]).to_kind(Kind::Double);
            let outputs = outputs.permute([0, 2, 3, 1]).reshape([-1, 5]).to_kind(Kind::Double);
            let found = weight.matmul(&inputs[0].inner_products()).matmul(&weight.tr());
            close(&found, &outputs.tr().matmul(&outputs));
        }
        let linear = Linear::new(&mut b, "fc", [7, 2], Init::Normal(1.0), Init::Constant(0.0));
        let of_width = |width| record(width, || drop(linear.forward(&x)));
        let rows = x.reshape([-1, 7]).to_kind(Kind::Double);
        close(&of_width(7)[0].inner_products(), &rows.tr().matmul(&rows));
        assert!(of_width(6).is_empty(), "wider than asked for");
        drop(linear.forward(&x));
        assert!(record(7, || {}).is_empty(), "nothing is kept outside of a recording");
    }

    #[test]
    fn a_folded_normalisation_is_the_separate_one() {
        let mut b = builder();
        let weight = b.kernel("conv.weight".into(), [5, 3, 3, 3], Init::Normal(0.3));
        let bias = b.weight("conv.bias".into(), &[5], Init::Normal(1.0));
        let mut norm = BatchNorm::new(&mut b, "bn", 5, 1.5);
        let drawn = |b: &mut Builder, name: &str| b.weight(name.to_owned(), &[5], Init::Normal(1.0)).detach();
        (norm.bias, norm.running_mean) = (drawn(&mut b, "shift"), drawn(&mut b, "mean"));
        norm.running_var = drawn(&mut b, "var").square() + 0.1;
        for bias in [None, Some(bias)] {
            for (stride, images) in [(1, 1), (2, 4)] {
                let conv = Conv2d::new(
                    &b,
                    weight.shallow_clone(),
                    bias.as_ref().map(Tensor::shallow_clone),
                    stride,
                    1,
                );
                let x =
                    Tensor::arange(images * 3 * 64, (Kind::Float, Device::Cpu)).sin().view([images, 3, 8, 8]);
                assert!(conv.has_fewer_weights(&x));
                let separate = norm.forward(&conv.forward(&x), Mode::Eval);
                let folded = conv.normalised(&x, &norm, Mode::Eval);
                let off = (&folded - &separate).abs().max().double_value(&[]);
                assert!(off < 1e-5 && !folded.equal(&separate), "off by {off}");
                // Too few places to be worth it.
                let small = x.narrow(0, 0, 1).narrow(2, 0, 3).narrow(3, 0, 3);
                let separate = norm.forward(&conv.forward(&small), Mode::Eval);
                assert!(conv.normalised(&small, &norm, Mode::Eval).equal(&separate));
            }
        }
    }
}
