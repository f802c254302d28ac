//! VGG (Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image
//! Recognition") without BatchNorm, with torchvision's names.

use tch::Tensor;

use crate::backbone::{Backbone, Convolutional, Mode};
use crate::builder::Builder;
use crate::init::Init;
use crate::layers::{Conv2d, Linear, adaptive_average, adaptive_average_onnx, dropout_half};
use crate::onnx::Graph;

/// Declares a 3×3 convolution with bias.
fn conv3x3(b: &mut Builder, name: &str, inputs: i64, outputs: i64) -> Conv2d {
    let shape = [outputs, inputs, 3, 3];
    let weight = b.kernel(format!("{name}.weight"), shape, Init::kaiming_fan_out(shape));
    let bias = b.weight(format!("{name}.bias"), &[outputs], Init::Constant(0.0));
    Conv2d::new(b, weight, Some(bias), 1, 1)
}

fn linear(b: &mut Builder, name: &str, inputs: i64, outputs: i64) -> Linear {
    Linear::new(b, name, [inputs, outputs], Init::Normal(0.01), Init::Constant(0.0))
}

/// The sizes of a VGG.
pub(crate) struct VggLayout {
    /// Widths of the convolutions of each stage; a stage ends in 2×2 max pooling of stride 2.
    pub stages: &'static [&'static [i64]],
    /// Side of the feature map after the average pooling before the classifier.
    pub pool: i64,
    /// Width of the classifier's two hidden layers; `None` without them.
    pub hidden: Option<i64>,
}

/// A VGG: stages of convolutions, average pooling to a fixed size, a classifier of three linear
/// layers or of the last one.
struct Vgg {
    stages: Vec<Vec<Conv2d>>,
    /// Side of the map that the stages make of an image of the model's size.
    map: i64,
    pool: i64,
    hidden: Option<[Linear; 2]>,
    classifier: Linear,
}

impl VggLayout {
    pub(crate) fn build(self, b: &mut Builder) -> Box<dyn Backbone> {
        let Self { pool, hidden, .. } = self;
        let (mut index, mut width) = (0, 3);
        let mut stages = Vec::new();
        for widths in self.stages {
            let mut stage = Vec::new();
            for &outputs in *widths {
                stage.push(conv3x3(b, &format!("features.{index}"), width, outputs));
                width = outputs;
                index += 2; // torchvision numbers the ReLU
            }
            index += 1; // and the max pooling
            stages.push(stage);
        }
        width *= pool * pool;
        let hidden = hidden.map(|hidden| {
            let first = linear(b, "classifier.0", width, hidden);
            width = hidden;
            [first, linear(b, "classifier.3", hidden, hidden)]
        });
        let classifier = linear(b, "classifier.6", width, b.outputs).in_fp32();
        Box::new(Vgg { map: b.image_size >> stages.len(), stages, pool, hidden, classifier })
    }
}

impl Backbone for Vgg {
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.features_of(&self.feature_map(images, mode), mode)
    }

    fn classify(&self, features: &Tensor, mode: Mode) -> Tensor {
        self.classifier.forward(&dropout_half(features.shallow_clone(), mode, "classifier.5"))
    }

    fn onnx(&self, graph: &mut Graph, images: &str) -> Option<String> {
        let mut x = images.to_owned();
        for stage in &self.stages {
            for conv in stage {
                x = conv.onnx(graph, &x);
                x = graph.relu(&x);
            }
            x = graph.max_pool(&x, 2, 2, 0);
        }
        x = adaptive_average_onnx(graph, &x, self.map, self.pool);
        x = graph.node("Flatten", &[&x], &[]);
        for hidden in self.hidden.iter().flatten() {
            x = hidden.onnx(graph, &x);
            x = graph.relu(&x);
        }
        Some(self.classifier.onnx(graph, &x))
    }

    fn convolutional(&self) -> Option<&dyn Convolutional> {
        Some(self)
    }
}

/// The map is the output of the last max pooling, torchvision's `features[-1]`.
impl Convolutional for Vgg {
    fn feature_map(&self, images: &Tensor, _mode: Mode) -> Tensor {
        let mut x = images.shallow_clone();
        for stage in &self.stages {
            for conv in stage {
                x = conv.forward(&x).relu_();
            }
            x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        }
        x
    }

    fn features_of(&self, map: &Tensor, mode: Mode) -> Tensor {
        let x = adaptive_average(map, self.pool).flatten(1, 3);
        let Some([first, second]) = &self.hidden else { return x.to_kind(tch::Kind::Float) };
        let x = dropout_half(first.forward(&x).relu_(), mode, "classifier.2");
        second.forward(&x).relu_().to_kind(tch::Kind::Float)
    }
}
