//! Properties of a model whatever its weights: layout, modes, gradients, precision, initialisation.

use ff_models::{Architecture, Error, Mode, Model, Normalisation, Parameter, ParameterKind, Precision, Spec};
use tch::{Device, Tensor};

use crate::PICO;

fn spec(architecture: Architecture) -> Spec {
    crate::spec(architecture, 5)
}

fn model(architecture: Architecture) -> Model {
    crate::model(architecture, 5, 1)
}

/// Returns bytes that differ from pixel to pixel, `[n, image_size, image_size, 3]`.
pub(crate) fn images(n: i64, image_size: i64) -> Tensor {
    let bytes: Vec<u8> = (0..(n * image_size * image_size * 3) as u64)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    Tensor::from_slice(&bytes).view([n, image_size, image_size, 3])
}

fn close(a: &Tensor, b: &Tensor, tolerance: f64) -> bool {
    (a - b).abs().max().double_value(&[]) <= tolerance * b.abs().max().double_value(&[])
}

#[test]
fn forward_normalises_and_gives_fp32_logits() {
    for architecture in PICO {
        let model = model(architecture);
        let images = images(3, 32);
        let pixels = images.to_kind(tch::Kind::Float).permute([0, 3, 1, 2]).contiguous() / 255.0;
        let Normalisation { mean, std } = architecture.normalisation;
        let normalised = (pixels - Tensor::from_slice(&mean).view([1, 3, 1, 1]))
            / Tensor::from_slice(&std).view([1, 3, 1, 1]);
        let logits = model.forward(&images, Mode::Eval);
        assert_eq!((logits.size(), logits.kind()), (vec![3, 5], tch::Kind::Float));
        assert!(close(&logits, &model.logits(&normalised, Mode::Eval), 1e-4), "{architecture}");
        let features = model.features(&images, Mode::Eval);
        assert!(model.classify(&features, Mode::Eval).equal(&logits), "{architecture}");
        assert!(images.equal(&self::images(3, 32)), "the caller's batch is unchanged");
    }
}

#[test]
fn inputs_of_every_layer_are_recorded_under_its_weight() {
    for architecture in PICO {
        let model = model(architecture);
        let images = images(2, 32);
        let inputs = model.layer_inputs(&images, usize::MAX);
        let mut found: Vec<&str> = inputs.iter().map(|input| input.weight.as_str()).collect();
        found.sort_unstable();
        let is_layer = |parameter: &&Parameter| matches!(parameter.tensor.dim(), 2 | 4);
        let mut expected: Vec<&str> =
            model.parameters().iter().filter(is_layer).map(|parameter| parameter.name.as_str()).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{architecture}");
        let last = inputs.last().expect("a model has layers");
        assert_eq!(last.weight, format!("{}.weight", architecture.classifier));
        let features = tch::no_grad(|| model.features(&images, Mode::Eval));
        let expected = features.tr().matmul(&features).to_kind(tch::Kind::Double);
        assert!(close(&last.inner_products(), &expected, 1e-5), "{architecture}");
        assert!(model.layer_inputs(&images, 0).is_empty());
    }
}

#[test]
fn initial_weights_depend_only_on_seed_and_name() {
    for architecture in PICO {
        let (a, b) = (model(architecture).state_dict(), model(architecture).state_dict());
        let other = Model::new(&spec(architecture), Device::Cpu, 2).unwrap().state_dict();
        assert_eq!(a, b);
        let name = format!("{}.weight", architecture.classifier);
        assert_ne!(a[&name], other[&name]);
        let more = Spec { outputs: 9, ..spec(architecture) };
        let more = Model::new(&more, Device::Cpu, 1).unwrap().state_dict();
        assert!(
            a.iter().filter(|(k, _)| !k.starts_with(architecture.classifier)).all(|(k, v)| more[k] == *v)
        );
    }
}

#[test]
fn initial_weights_are_timms() {
    let std =
        |model: &Model, name: &str| model.parameters().get(name).unwrap().tensor.std(false).double_value(&[]);
    let all = |model: &Model, name: &str, value: f64| {
        let tensor = &model.parameters().get(name).unwrap().tensor;
        tensor.eq(value).all().int64_value(&[]) == 1
    };
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.03;

    let resnet = model(Architecture::RESNET18);
    assert!(near(std(&resnet, "layer3.0.conv2.weight"), (2.0f64 / (256.0 * 9.0)).sqrt()));
    assert!(near(std(&resnet, "layer3.0.downsample.0.weight"), (2.0f64 / 256.0).sqrt()));
    assert!(near(std(&resnet, "fc.weight"), (1.0f64 / 512.0 / 3.0).sqrt()));
    assert!(all(&resnet, "layer3.0.bn1.weight", 1.0) && all(&resnet, "layer3.0.bn2.weight", 0.0));
    assert!(all(&resnet, "layer3.0.downsample.1.weight", 1.0) && all(&resnet, "bn1.running_var", 1.0));

    let deit = model(Architecture::DEIT_TINY);
    for name in ["pos_embed", "blocks.3.attn.qkv.weight", "blocks.3.mlp.fc2.weight", "head.weight"] {
        assert!(near(std(&deit, name), 0.02), "{name}");
    }
    assert!((0.5e-6..2e-6).contains(&std(&deit, "cls_token")));
    assert!(near(std(&deit, "patch_embed.proj.weight"), (1.0f64 / 768.0 / 3.0).sqrt()));
    assert!(all(&deit, "head.bias", 0.0) && all(&deit, "blocks.3.norm1.weight", 1.0));

    let vgg = model(Architecture::VGG_PICO);
    assert!(near(std(&vgg, "classifier.3.weight"), 0.01) && all(&vgg, "classifier.3.bias", 0.0));
    assert!(near(std(&vgg, "features.8.weight"), (2.0f64 / (64.0 * 9.0)).sqrt()));
}

#[test]
fn layers_see_changes_through_parameter_handles() {
    for architecture in PICO {
        let model = model(architecture);
        let before = model.forward(&images(2, 32), Mode::Eval);
        // As an optimizer does it: all weights become views of one buffer, each with its own
        // strides.
        let count: usize = model.parameters().trainable().map(|p| p.tensor.numel()).sum();
        let mut flat = Tensor::zeros([count as i64], (tch::Kind::Float, Device::Cpu));
        let mut offset = 0;
        for parameter in model.parameters().trainable() {
            let mut handle = parameter.tensor.shallow_clone();
            let mut view = flat.as_strided(handle.size(), handle.stride(), Some(offset));
            view.copy_(&handle.detach());
            handle.set_data(&view);
            offset += handle.numel() as i64;
        }
        assert!(model.forward(&images(2, 32), Mode::Eval).equal(&before));
        let _ = tch::no_grad(|| flat.fill_(0.0));
        assert_eq!(
            model.forward(&images(2, 32), Mode::Eval).abs().max().double_value(&[]),
            0.0,
            "{architecture}"
        );
    }
}

#[test]
fn kernels_are_dense_and_channels_last_and_the_state_dict_is_row_major() {
    let mut model = model(Architecture::RESNET_PICO);
    let kernel = &model.parameters().get("layer1.0.conv1.weight").unwrap().tensor;
    assert_eq!((kernel.size(), kernel.stride()), (vec![16, 16, 3, 3], vec![144, 1, 48, 16]));
    let state = model.state_dict();
    assert_eq!(state["layer1.0.conv1.weight"].shape, [16, 16, 3, 3]);
    let values: Vec<f32> = state["layer1.0.conv1.weight"]
        .data
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(f64::from(values[((2 * 16 + 3) * 3 + 1) * 3 + 2]), kernel.double_value(&[2, 3, 1, 2]));
    model.load_strict(&ff_checkpoint::StateDict::from_tensors(state.clone())).unwrap();
    let kernel = &model.parameters().get("layer1.0.conv1.weight").unwrap().tensor;
    assert_eq!(kernel.stride(), [144, 1, 48, 16]);
    assert_eq!(model.state_dict(), state);
}

#[test]
fn every_weight_gets_a_gradient_and_a_buffer_none() {
    for architecture in PICO {
        let model = model(architecture);
        model.forward(&images(4, 32), Mode::Train { seed: 3 }).square().mean(tch::Kind::Float).backward();
        for Parameter { name, kind, tensor } in model.parameters().iter() {
            assert_eq!(tensor.grad().defined(), *kind == ParameterKind::Weight, "{name}");
        }
    }
}

#[test]
fn a_probe_changes_only_the_classifier() {
    for architecture in PICO {
        let model = model(architecture);
        let before = model.state_dict();
        let features = tch::no_grad(|| model.features(&images(4, 32), Mode::Eval));
        model.classify(&features, Mode::Train { seed: 0 }).square().mean(tch::Kind::Float).backward();
        let classifier: Vec<_> = model.classifier().map(|p| p.name.clone()).collect();
        assert_eq!(classifier, ["weight", "bias"].map(|kind| format!("{}.{kind}", architecture.classifier)));
        for Parameter { name, tensor, .. } in model.parameters().trainable() {
            assert_eq!(tensor.grad().defined(), classifier.contains(name), "{name}");
        }
        assert_eq!(model.state_dict(), before);
    }
}

#[test]
fn bf16_is_near_fp32_and_trains_fp32_weights() {
    for architecture in PICO {
        let bf16 = Spec { precision: Precision::Bf16, ..spec(architecture) };
        let bf16 = Model::new(&bf16, Device::Cpu, 1).unwrap();
        let logits = bf16.forward(&images(4, 32), Mode::Train { seed: 3 });
        assert_eq!(logits.kind(), tch::Kind::Float);
        let expected = model(architecture).forward(&images(4, 32), Mode::Train { seed: 3 });
        assert!(
            !logits.equal(&expected) && close(&logits, &expected, 0.05),
            "{architecture}: {logits} {expected}"
        );
        logits.square().mean(tch::Kind::Float).backward();
        for parameter in bf16.parameters().trainable() {
            assert_eq!(parameter.tensor.kind(), tch::Kind::Float);
            assert_eq!(parameter.tensor.grad().kind(), tch::Kind::Float);
        }
    }
}

#[test]
fn dropout_depends_on_the_seed_not_on_libtorchs_generator() {
    let model = model(Architecture::VGG_PICO);
    let run = |seed| model.forward(&images(2, 32), Mode::Train { seed });
    tch::manual_seed(1);
    let first = run(5);
    tch::manual_seed(2);
    assert!(run(5).equal(&first));
    assert!(!run(6).equal(&first) && !model.forward(&images(2, 32), Mode::Eval).equal(&first));
}

#[test]
fn convolutions_are_listed_in_forward_order_without_downsampling() {
    let names = |architecture| -> Vec<String> {
        model(architecture).parameters().convolutions().map(|p| p.name.clone()).collect()
    };
    let resnet = names(Architecture::RESNET34);
    assert_eq!(resnet.len(), 33);
    assert_eq!(resnet[..3], ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight"]);
    assert_eq!(
        names(Architecture::VGG_PICO)[..3],
        ["features.0.weight", "features.3.weight", "features.6.weight"]
    );
}

#[test]
fn convolutional_nets_take_any_size() {
    assert_eq!(model(Architecture::RESNET_PICO).forward(&images(2, 45), Mode::Eval).size(), [2, 5]);
    assert_eq!(model(Architecture::VGG_PICO).forward(&images(2, 45), Mode::Eval).size(), [2, 5]);
}

#[test]
fn invalid_specs_are_refused() {
    let refuse = |spec: Spec| Model::new(&spec, Device::Cpu, 0).err().expect("refused").to_string();
    assert_eq!(
        refuse(Spec { image_size: 100, ..spec(Architecture::DEIT_TINY) }),
        "deit_tiny_patch16_224: image size: expected a multiple of 16 px, found 100 px"
    );
    assert!(refuse(Spec { image_size: 31, ..spec(Architecture::VGG16) }).contains("at least 32 px"));
    assert!(refuse(Spec { image_size: 0, ..spec(Architecture::RESNET18) }).contains("at least 1 px"));
    assert!(
        refuse(Spec { outputs: 0, ..spec(Architecture::RESNET18) }).contains("outputs: expected at least 1")
    );
    assert!(matches!("x".parse::<Architecture>(), Err(Error::Unknown { .. })));
}

#[test]
fn a_model_can_move_to_another_thread() {
    let model = model(Architecture::DEIT_PICO);
    let here = model.forward(&images(1, 32), Mode::Eval);
    let there = std::thread::spawn(move || model.forward(&images(1, 32), Mode::Eval)).join().unwrap();
    assert!(there.equal(&here));
}

#[test]
fn convolutions_are_known_without_weights() {
    let counts = Architecture::ALL.iter().map(|architecture| architecture.convolutions().len());
    assert_eq!(counts.collect::<Vec<_>>(), [7, 9, 17, 33, 49, 0, 0, 0, 0, 4, 13, 13, 13, 16]);
    for architecture in
        [Architecture::RESNET_PICO, Architecture::RESNET50, Architecture::VGG_PICO, Architecture::DEIT_PICO]
    {
        let model = model(architecture);
        let built = model.parameters().convolutions();
        let built =
            built.map(|kernel| (kernel.name.clone(), <[i64; 4]>::try_from(kernel.tensor.size()).unwrap()));
        assert!(built.eq(architecture.convolutions()), "{architecture}");
        assert_eq!(model.parameters().buffers().count() > 0, architecture.batch_norm, "{architecture}");
    }
    let last = Architecture::VGG19.convolutions().pop().unwrap();
    assert_eq!(last, ("features.34.weight".to_owned(), [512, 512, 3, 3]));
}
