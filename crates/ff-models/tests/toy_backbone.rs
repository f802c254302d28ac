//! A custom backbone, defined outside the crate.

use ff_checkpoint::StateDict;
use ff_models::layers::{BatchNorm, Conv2d, Linear};
use ff_models::onnx::{Graph, Head, Probabilities};
use ff_models::{
    Architecture, Backbone, Builder, Convolutional, ImageSizes, Init, Mode, Model, Normalisation, Spec,
};
use tch::{Device, Kind, Tensor};
use tract_onnx::prelude::{Framework, InferenceModelExt, IntoRunnable, tvec};

/// One convolution, its BatchNorm, global average pooling, a linear classifier.
struct Toy {
    conv: Conv2d,
    norm: BatchNorm,
    head: Linear,
}

impl Backbone for Toy {
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.features_of(&self.feature_map(images, mode), mode)
    }

    fn classify(&self, features: &Tensor, _mode: Mode) -> Tensor {
        self.head.forward(features)
    }

    fn onnx(&self, graph: &mut Graph, images: &str) -> Option<String> {
        let x = self.conv.onnx(graph, images);
        let x = self.norm.onnx(graph, &x);
        let x = graph.relu(&x);
        let x = graph.node("GlobalAveragePool", &[&x], &[]);
        let x = graph.node("Flatten", &[&x], &[]);
        Some(self.head.onnx(graph, &x))
    }

    fn convolutional(&self) -> Option<&dyn Convolutional> {
        Some(self)
    }
}

impl Convolutional for Toy {
    fn feature_map(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.norm.forward(&self.conv.forward(images), mode).relu()
    }

    fn features_of(&self, map: &Tensor, _mode: Mode) -> Tensor {
        map.mean_dim([2i64, 3].as_slice(), false, Kind::Float)
    }
}

fn toy(b: &mut Builder) -> Box<dyn Backbone> {
    let shape = [8, 3, 3, 3];
    let kernel = b.kernel("conv.weight".to_owned(), shape, Init::kaiming_fan_out(shape));
    let conv = Conv2d::new(b, kernel, None, 1, 1);
    let norm = BatchNorm::new(b, "norm", 8, 1.0);
    let init = Init::torch_default(8);
    let head = Linear::new(b, "head", [8, b.outputs], init, init).in_fp32();
    Box::new(Toy { conv, norm, head })
}

const TOY: Architecture = Architecture {
    name: "toy",
    timm: None,
    pretrained: None,
    image_size: 16,
    sizes: ImageSizes::AtLeast(4),
    normalisation: Normalisation { mean: [0.5; 3], std: [0.25; 3] },
    classifier: "head",
    timm_classifier: "head",
    batch_norm: true,
    build: toy,
};

/// The mean of each channel, without a form in ONNX.
struct Means;

impl Backbone for Means {
    fn features(&self, images: &Tensor, _mode: Mode) -> Tensor {
        images.mean_dim([2i64, 3].as_slice(), false, Kind::Float)
    }

    fn classify(&self, features: &Tensor, _mode: Mode) -> Tensor {
        features.shallow_clone()
    }
}

/// The same with 2 GiB of constants in its ONNX form.
struct Large;

impl Backbone for Large {
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        Means.features(images, mode)
    }

    fn classify(&self, features: &Tensor, mode: Mode) -> Tensor {
        Means.classify(features, mode)
    }

    fn onnx(&self, graph: &mut Graph, _images: &str) -> Option<String> {
        // Nothing in memory: all its values are the same.
        Some(graph.constant(&Tensor::from(0f32).expand([1 << 29], false)))
    }
}

fn model(seed: u64) -> Model {
    let spec = Spec::new(TOY, 5);
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

#[test]
fn a_custom_backbone_trains_saves_and_loads() {
    let (source, mut target) = (model(1), model(2));
    let images = Tensor::randint(256, [4, 16, 16, 3], (Kind::Uint8, Device::Cpu));
    let logits = source.forward(&images, Mode::Train { seed: 0 });
    assert_eq!((logits.size(), logits.kind()), (vec![4, 5], Kind::Float));
    logits.square().mean(Kind::Float).backward();
    assert!(source.parameters().trainable().all(|weight| weight.tensor.grad().defined()));
    assert_eq!(
        source.classifier().map(|parameter| &*parameter.name).collect::<Vec<_>>(),
        ["head.weight", "head.bias"]
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.safetensors");
    StateDict::from_tensors(source.state_dict()).save(&path, None).unwrap();
    let logits = source.forward(&images, Mode::Eval);
    assert!(!target.forward(&images, Mode::Eval).equal(&logits));
    target.load_strict(&StateDict::open(&path).unwrap()).unwrap();
    assert!(target.forward(&images, Mode::Eval).equal(&logits));
    assert_eq!(target.state_dict(), source.state_dict());
}

/// After global average pooling, a logit's gradient is the classifier's weights, the same at each
/// place.
#[test]
fn its_grad_cam_weights_channels_as_the_classifier_does() {
    let model = model(1);
    let images = Tensor::randint(256, [2, 16, 16, 3], (Kind::Uint8, Device::Cpu));
    let found = model.grad_cam(&images, &[4, 0]).unwrap();

    let weight = |name: &str| model.parameters().get(name).unwrap().tensor.detach();
    let normalised = (images.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0 - 0.5) / 0.25;
    let map = normalised.conv2d(&weight("conv.weight"), None::<&Tensor>, 1, 1, 1, 1).relu();
    let rows = weight("head.weight").index_select(0, &Tensor::from_slice(&[4i64, 0])).view([2, 8, 1, 1]);
    let sum = (rows * map).sum_dim_intlist(1, false, Kind::Float).relu();
    let places = [1i64, 2].as_slice();
    let least = sum.amin(places, true);
    let expected = (&sum - &least) / (sum.amax(places, true) - least);
    let off = (found - expected).abs().max().double_value(&[]);
    assert!(off < 1e-4, "off by {off}");
}

#[test]
fn its_row_gives_kernels_outputs_and_image_sizes() {
    assert_eq!(TOY.convolutions(), [("conv.weight".to_owned(), [8, 3, 3, 3])]);
    assert_eq!(TOY.outputs_of(&StateDict::from_tensors(model(1).state_dict())), Some(5));
    let small = Spec { image_size: 3, ..Spec::new(TOY, 5) };
    let error = Model::new(&small, Device::Cpu, 0).err().expect("refused").to_string();
    assert_eq!(error, "toy: image size: expected at least 4 px, found 3 px");
}

fn head() -> Head {
    Head { probabilities: Probabilities::softmax(), classes: Vec::new(), metadata: Default::default() }
}

#[test]
fn its_onnx_form_computes_what_it_computes() {
    let model = model(1);
    let mut file = Vec::new();
    model.to_onnx(&head()).unwrap().write(&mut file).unwrap();
    let file = tract_onnx::onnx().model_for_read(&mut &*file).unwrap();
    let file = file.into_optimized().unwrap().into_runnable().unwrap();
    let normalised = Tensor::arange(2 * 3 * 256, (Kind::Float, Device::Cpu)).sin().view([2, 3, 16, 16]);
    let pixels = Vec::<f32>::try_from((&normalised * 0.25 + 0.5).view(-1)).unwrap();
    let pixels = tract_onnx::prelude::Tensor::from_shape(&[2, 3, 16, 16], &pixels).unwrap();
    let outputs = file.run(tvec!(pixels.into())).unwrap();
    let found = outputs[0].to_plain_array_view::<f32>().unwrap();
    let found = Tensor::from_slice(&found.iter().copied().collect::<Vec<_>>()).view([2, 5]);
    let off = (found - model.logits(&normalised, Mode::Eval)).abs().max().double_value(&[]);
    assert!(off < 1e-5, "off by {off}");
}

#[test]
fn a_network_without_a_form_in_onnx_is_refused() {
    let refused = |build| {
        let architecture = Architecture { build, ..TOY };
        let model = Model::new(&Spec::new(architecture, 3), Device::Cpu, 0).unwrap();
        model.to_onnx(&head()).err().expect("refused").to_string()
    };
    let error = refused(|_| Box::new(Means));
    assert_eq!(error, "toy: the network has no ONNX form\nhint: implement `Backbone::onnx` for it");
    let error = refused(|_| Box::new(Large));
    assert!(error.starts_with("toy: ONNX file: expected at most 2147483647 bytes, found 21474"), "{error}");
}
