//! ResNet (He et al. 2016, "Deep Residual Learning for Image Recognition"), with timm's names.
//!
//! ReLU and the addition of the shortcut are in place, as in timm, since activations are most of a
//! step's memory traffic.

use tch::Tensor;

use crate::backbone::{Backbone, Convolutional, Mode};
use crate::builder::Builder;
use crate::init::Init;
use crate::layers::{BatchNorm, Conv2d, Linear};
use crate::onnx::Graph;

/// A convolution without bias and its BatchNorm, whose weight starts at `gain`.
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(b: &mut Builder, [conv, norm]: [&str; 2], shape: [i64; 4], stride: i64, gain: f32) -> Self {
        let weight = b.kernel(format!("{conv}.weight"), shape, Init::kaiming_fan_out(shape));
        let conv = Conv2d::new(b, weight, None, stride, shape[2] / 2);
        Self { conv, norm: BatchNorm::new(b, norm, shape[0], gain) }
    }

    /// Declares the 1×1 convolution of a shortcut that changes shape. It is a weight, not a kernel
    /// of the forward path, so [`Parameters::convolutions`](crate::Parameters::convolutions) does
    /// not list it.
    fn shortcut(b: &mut Builder, name: &str, inputs: i64, outputs: i64, stride: i64) -> Self {
        let shape = [outputs, inputs, 1, 1];
        let weight = b.weight(format!("{name}.0.weight"), &shape, Init::kaiming_fan_out(shape));
        let conv = Conv2d::new(b, weight, None, stride, 0);
        Self { conv, norm: BatchNorm::new(b, &format!("{name}.1"), outputs, 1.0) }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.conv.normalised(x, &self.norm, mode)
    }

    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let x = self.conv.onnx(graph, x);
        self.norm.onnx(graph, &x)
    }
}

/// The kind of residual block that a network is made of.
#[derive(Clone, Copy)]
pub(crate) enum BlockKind {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 (with the stride) and 1×1 convolutions; the block's ends are four times as wide as
    /// its middle.
    Bottleneck,
}

impl BlockKind {
    fn expansion(self) -> i64 {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// A residual block: a path of convolutions and the shortcut around it.
struct Block {
    path: Vec<ConvNorm>,
    downsample: Option<ConvNorm>,
}

impl Block {
    fn new(b: &mut Builder, kind: BlockKind, name: &str, inputs: i64, width: i64, stride: i64) -> Self {
        let outputs = width * kind.expansion();
        // Kernel shape and stride of each convolution of the path.
        let convolutions = match kind {
            BlockKind::Basic => vec![([width, inputs, 3, 3], stride), ([width, width, 3, 3], 1)],
            BlockKind::Bottleneck => {
                vec![([width, inputs, 1, 1], 1), ([width, width, 3, 3], stride), ([outputs, width, 1, 1], 1)]
            }
        };
        let last = convolutions.len();
        let path = (1..).zip(convolutions).map(|(i, (shape, stride))| {
            // A zero weight in the last BatchNorm makes a new block the identity.
            let gain = if i == last { 0.0 } else { 1.0 };
            ConvNorm::new(b, [&format!("{name}.conv{i}"), &format!("{name}.bn{i}")], shape, stride, gain)
        });
        let path = path.collect();
        let downsample = (stride != 1 || inputs != outputs)
            .then(|| ConvNorm::shortcut(b, &format!("{name}.downsample"), inputs, outputs, stride));
        Self { path, downsample }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let (last, first) = self.path.split_last().expect("a block has convolutions");
        let mut y = x.shallow_clone();
        for layer in first {
            y = layer.forward(&y, mode).relu_();
        }
        let mut y = last.forward(&y, mode);
        let shortcut = self.downsample.as_ref().map(|layer| layer.forward(x, mode));
        y.g_add_(shortcut.as_ref().unwrap_or(x)).relu_()
    }

    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let (last, first) = self.path.split_last().expect("a block has convolutions");
        let mut y = x.to_owned();
        for layer in first {
            y = layer.onnx(graph, &y);
            y = graph.relu(&y);
        }
        y = last.onnx(graph, &y);
        let shortcut = self.downsample.as_ref().map(|layer| layer.onnx(graph, x));
        let sum = graph.add(&y, shortcut.as_deref().unwrap_or(x));
        graph.relu(&sum)
    }
}

/// The sizes of a ResNet.
pub(crate) struct ResnetLayout {
    pub block: BlockKind,
    /// Side and stride of the first convolution, and whether 3×3 max pooling of stride 2 follows.
    pub stem: (i64, i64, bool),
    /// Width of each stage.
    pub widths: &'static [i64],
    /// Blocks of each stage.
    pub depths: &'static [usize],
}

/// A ResNet: stem, stages of residual blocks, global average pooling, linear classifier.
struct Resnet {
    stem: ConvNorm,
    max_pool: bool,
    blocks: Vec<Block>,
    fc: Linear,
}

impl ResnetLayout {
    /// Returns the layout of an ImageNet ResNet: a 7×7 stem and stages 64 to 512 wide.
    pub(crate) fn imagenet(block: BlockKind, depths: &'static [usize]) -> Self {
        Self { block, stem: (7, 2, true), widths: &[64, 128, 256, 512], depths }
    }

    pub(crate) fn build(self, b: &mut Builder) -> Box<dyn Backbone> {
        let (side, stride, max_pool) = self.stem;
        let mut width = self.widths[0];
        let stem = ConvNorm::new(b, ["conv1", "bn1"], [width, 3, side, side], stride, 1.0);
        let mut blocks = Vec::new();
        for (stage, (&stage_width, &depth)) in self.widths.iter().zip(self.depths).enumerate() {
            for i in 0..depth {
                let name = format!("layer{}.{i}", stage + 1);
                let stride = if stage > 0 && i == 0 { 2 } else { 1 };
                blocks.push(Block::new(b, self.block, &name, width, stage_width, stride));
                width = stage_width * self.block.expansion();
            }
        }
        let init = Init::torch_default(width);
        let fc = Linear::new(b, "fc", [width, b.outputs], init, init).in_fp32();
        Box::new(Resnet { stem, max_pool, blocks, fc })
    }
}

impl Backbone for Resnet {
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.features_of(&self.feature_map(images, mode), mode)
    }

    fn classify(&self, features: &Tensor, _mode: Mode) -> Tensor {
        self.fc.forward(features)
    }

    fn onnx(&self, graph: &mut Graph, images: &str) -> Option<String> {
        let mut x = self.stem.onnx(graph, images);
        x = graph.relu(&x);
        if self.max_pool {
            x = graph.max_pool(&x, 3, 2, 1);
        }
        for block in &self.blocks {
            x = block.onnx(graph, &x);
        }
        x = graph.node("GlobalAveragePool", &[&x], &[]);
        x = graph.node("Flatten", &[&x], &[]);
        Some(self.fc.onnx(graph, &x))
    }

    fn convolutional(&self) -> Option<&dyn Convolutional> {
        Some(self)
    }
}

/// The map is the output of the last block.
impl Convolutional for Resnet {
    fn feature_map(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.stem.forward(images, mode).relu_();
        if self.max_pool {
            x = x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        }
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        x
    }

    fn features_of(&self, map: &Tensor, _mode: Mode) -> Tensor {
        map.mean_dim([2i64, 3].as_slice(), false, tch::Kind::Float)
    }
}
