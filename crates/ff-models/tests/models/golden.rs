//! Logits, running statistics and costs equal to timm's and torchvision's, and maps of Grad-CAM equal
//! to the grad-cam package's, on weights that both sides compute by a formula: see
//! `tests/golden/models/make.py`.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::{Architecture, Cost, Mode, Model, Spec};
use serde_json::Value;
use tch::{Device, Tensor};

use crate::spec;

/// Tolerance relative to the largest logit: fp32 with other kernels and another order of summation.
const TOLERANCE: f64 = 1e-4;

fn path(name: &str) -> String {
    format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/models/{}"), name)
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn fill(name: &str, count: usize, centre: f64, half_width: f64) -> Vec<f32> {
    let key = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325u64, |key, byte| (key ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let value = |index: u64| {
        let mut h = key.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        h ^= h >> 31;
        let u = (h >> 40) as f64 / f64::from(1u32 << 24);
        (centre + half_width * (2.0 * u - 1.0)) as f32
    };
    (1..=count as u64).map(value).collect()
}

fn centre_and_half_width(name: &str, shape: &[usize]) -> (f64, f64) {
    match shape {
        _ if name.ends_with("running_var") => (1.0, 0.25),
        _ if name.ends_with("running_mean") || name.ends_with("bias") => (0.0, 0.1),
        [_] => (1.0, 0.25),
        [_, _, _] => (0.0, 0.5),
        _ => (0.0, (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt()),
    }
}

/// Returns the formula's weights, with the names and shapes of a model's.
pub fn weights(model: &Model) -> StateDict {
    let tensors = model.parameters().iter().map(|parameter| {
        let shape: Vec<usize> = parameter.tensor.size().iter().map(|&size| size as usize).collect();
        let tensor = if parameter.name.ends_with("num_batches_tracked") {
            OwnedTensor::i64(shape, &[0])
        } else {
            let (centre, half_width) = centre_and_half_width(&parameter.name, &shape);
            let values = fill(&parameter.name, shape.iter().product(), centre, half_width);
            OwnedTensor::f32(shape, &values)
        };
        (parameter.name.clone(), tensor)
    });
    StateDict::from_tensors(tensors.collect::<BTreeMap<_, _>>())
}

fn images(name: &str, batch: i64, image_size: u32) -> Tensor {
    let image_size = i64::from(image_size);
    let values = fill(name, (batch * 3 * image_size * image_size) as usize, 0.0, 2.0);
    Tensor::from_slice(&values).view([batch, 3, image_size, image_size])
}

fn floats(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(floats).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn assert_close(found: &Tensor, expected: &Value, what: &str) {
    let expected = floats(expected);
    let found = Vec::<f32>::try_from(found.flatten(0, -1)).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (&found, expected) in found.iter().zip(&expected) {
        let error = (f64::from(found) - expected).abs() / largest;
        assert!(error < TOLERANCE, "{what}: {found} should be {expected}: off by {error:.2e} of {largest}");
    }
}

/// Checks every case of a family. Each family has a test of its own, so that they run in parallel.
fn check_logits(family: &str) {
    let cases = golden("logits.json");
    let cases = cases
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["architecture"].as_str().unwrap().starts_with(family));
    let mut checked = 0;
    for case in cases {
        let architecture: Architecture = case["architecture"].as_str().unwrap().parse().unwrap();
        let image_size = case["px"].as_u64().unwrap() as u32;
        let spec = Spec { image_size, ..spec(architecture, 10) };
        let mut model = Model::new(&spec, Device::Cpu, 0).unwrap();
        let other_size = family == "deit" && image_size != architecture.image_size;
        // Weights for the published size; only DeiT's position embedding depends on it.
        let published = other_size.then(|| crate::model(architecture, 10, 0));
        let weights = weights(published.as_ref().unwrap_or(&model));
        let loaded = model.load(&weights).unwrap();
        assert_eq!(loaded.interpolated, other_size.then_some((14, image_size as usize / 16)));
        let input = images("input", case["batch"].as_i64().unwrap(), image_size);
        let logits = tch::no_grad(|| model.logits(&input, Mode::Eval));
        assert_close(&logits, &case["logits"], &format!("{architecture} at {image_size} px"));
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn resnet_logits_are_timms() {
    check_logits("resnet");
}

#[test]
fn deit_logits_are_timms_at_any_size() {
    check_logits("deit");
}

#[test]
fn vgg_logits_are_torchvisions() {
    check_logits("vgg");
}

#[test]
fn running_statistics_are_pytorchs() {
    let golden = golden("batch_norm.json");
    let spec = Spec { image_size: 64, ..spec(Architecture::RESNET18, 10) };
    let mut model = Model::new(&spec, Device::Cpu, 0).unwrap();
    let weights = weights(&model);
    model.load_strict(&weights).unwrap();
    let pass = |step: usize, batch: i64, mode| {
        let input = images(&format!("input.{step}"), batch, 64);
        let _ = tch::no_grad(|| model.logits(&input, mode));
    };
    let check = |case: &str, batches| {
        for (name, expected) in golden[case].as_object().unwrap() {
            let found = &model.parameters().get(name).unwrap().tensor;
            if name.ends_with("num_batches_tracked") {
                assert_eq!(found.int64_value(&[]), batches, "{name}");
            } else {
                assert_close(&found.narrow(0, 0, 16), expected, name);
            }
        }
    };
    (0..2).for_each(|step| pass(step, 4, Mode::Train { seed: step as u64 }));
    check("buffers", 2);
    // As `update_bn`, recalibration discards the earlier statistics, and a smaller batch counts the
    // same in the mean.
    for (step, batch) in [4, 4, 3].into_iter().enumerate() {
        pass(step, batch, Mode::Recalibrate { batch: step as u32 + 1 });
    }
    check("recalibrated", 3);
}

#[test]
fn weights_and_multiply_adds_are_those_that_pytorch_counts() {
    for case in golden("costs.json").as_array().unwrap() {
        let number = |key: &str| case[key].as_u64().unwrap();
        let architecture: Architecture = case["architecture"].as_str().unwrap().parse().unwrap();
        let image_size = number("px") as u32;
        let found = Spec { image_size, ..spec(architecture, 1000) }.cost().unwrap();
        let expected = Cost { weights: number("weights"), multiply_adds: number("multiply_adds") };
        assert_eq!(found, expected, "{architecture} at {image_size} px");
    }
}

#[test]
fn maps_are_those_of_grad_cam() {
    let maps = StateDict::open(path("grad_cam.safetensors")).unwrap();
    assert_eq!(maps.len(), 2);
    for (name, expected) in maps.iter() {
        let [images, side, _] = expected.shape[..] else { panic!("{name}: {:?}", expected.shape) };
        let architecture: Architecture = name.parse().unwrap();
        let mut model = crate::model(architecture, 10, 0);
        let weights = weights(&model);
        model.load_strict(&weights).unwrap();
        let pixels: Vec<u8> =
            fill("pixels", images * side * side * 3, 128.0, 128.0).iter().map(|&value| value as u8).collect();
        let pixels = Tensor::from_slice(&pixels).view([images as i64, side as i64, side as i64, 3]);
        let found = model.grad_cam(&pixels, &[3, 8]).unwrap();
        let found = Vec::<f32>::try_from(found.flatten(0, -1)).unwrap();
        let expected = expected.to_f32().unwrap();
        assert_eq!(found.len(), expected.len());
        let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Of maps from 0 to 1: fp32 with other kernels, which the scaling amplifies.
        assert!(off < 2e-5, "{name}: off by {off}");
    }
}
