//! A custom backbone, defined outside the crate.

use ff_checkpoint::StateDict;
use ff_models::layers::{BatchNorm, Conv2d, Linear};
use ff_models::{Architecture, Backbone, Builder, ImageSizes, Init, Mode, Model, Normalisation, Spec};
use tch::{Device, Kind, Tensor};

/// One convolution, its BatchNorm, global average pooling, a linear classifier.
struct Toy {
    conv: Conv2d,
    norm: BatchNorm,
    head: Linear,
}

impl Backbone for Toy {
    fn features(&self, images: &Tensor, mode: Mode) -> Tensor {
        let x = self.norm.forward(&self.conv.forward(images), mode).relu();
        x.mean_dim([2i64, 3].as_slice(), false, Kind::Float)
    }

    fn classify(&self, features: &Tensor, _mode: Mode) -> Tensor {
        self.head.forward(features)
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

#[test]
fn its_row_gives_kernels_outputs_and_image_sizes() {
    assert_eq!(TOY.convolutions(), [("conv.weight".to_owned(), [8, 3, 3, 3])]);
    assert_eq!(TOY.outputs_of(&StateDict::from_tensors(model(1).state_dict())), Some(5));
    let small = Spec { image_size: 3, ..Spec::new(TOY, 5) };
    let error = Model::new(&small, Device::Cpu, 0).err().expect("refused").to_string();
    assert_eq!(error, "toy: image size: expected at least 4 px, found 3 px");
}
