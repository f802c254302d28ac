//! Weights and images that are the same on every machine, drawn from the name of each tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::f32::consts::FRAC_1_SQRT_2;
use std::ops::Range;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_data::random::stream;
use rand::Rng;
use tch::Tensor;

/// Kernels of a layer that the others are made similar to.
const DIRECTIONS: usize = 8;

/// Returns initial weights with every BatchNorm and every tensor of zeros drawn at random.
///
/// Initial weights would show little: the last BatchNorm of a residual block multiplies by zero,
/// all others change nothing, and biases are zero.
pub(super) fn perturbed(mut tensors: BTreeMap<String, OwnedTensor>) -> StateDict {
    let norms = tensors.keys().filter_map(|name| name.strip_suffix(".running_var"));
    let norms: BTreeSet<String> = norms.map(str::to_owned).collect();
    for (name, tensor) in &mut tensors {
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", name.as_str()));
        let range = match (norms.contains(layer), part) {
            _ if tensor.dtype != Dtype::F32 => continue,
            (true, "weight" | "running_var") => 0.5..1.5,
            (false, _) if tensor.data.iter().any(|&byte| byte != 0) => continue,
            _ => -0.1..0.1,
        };
        let count = tensor.shape.iter().product::<usize>();
        *tensor = OwnedTensor::f32(tensor.shape.clone(), &uniform(name, count, range));
    }
    StateDict::from_tensors(tensors)
}

/// Returns weights in which the named kernels, `[outputs, …]`, are alike: each has one of a few
/// directions plus its own. Two kernels of one direction have a cosine near 1/2. Initial kernels
/// have cosines near 0, so in-model merging would merge none of them.
pub(super) fn alike<'a>(weights: &StateDict, kernels: impl Iterator<Item = &'a str>) -> StateDict {
    let mut tensors: BTreeMap<String, OwnedTensor> =
        weights.iter().map(|(name, tensor)| (name.to_owned(), tensor.to_owned())).collect();
    for name in kernels {
        let kernel = weights.get(name).expect("kernels of these weights");
        let mut values = kernel.to_f32().expect("kernels are floats");
        let length = values.len() / kernel.shape[0];
        for at in DIRECTIONS * length..values.len() {
            values[at] = (values[at] + values[at % (DIRECTIONS * length)]) * FRAC_1_SQRT_2;
        }
        tensors.insert(name.to_owned(), OwnedTensor::f32(kernel.shape, &values));
    }
    StateDict::from_tensors(tensors)
}

/// Returns random images, u8 `[count, side, side, 3]`.
pub(super) fn images(count: i64, side: u32) -> Tensor {
    let side = i64::from(side);
    let mut bytes = vec![0u8; (count * side * side * 3) as usize];
    stream(0, "check images", &[]).fill_bytes(&mut bytes);
    Tensor::from_slice(&bytes).view([count, side, side, 3])
}

/// Draws values for the tensor `name`.
fn uniform(name: &str, count: usize, range: Range<f32>) -> Vec<f32> {
    let mut random = stream(0, &format!("check {name}"), &[]);
    let mut draw = || {
        let unit = (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32; // exact, below 1
        range.start + unit * (range.end - range.start)
    };
    (0..count).map(|_| draw()).collect()
}

#[cfg(test)]
mod tests {
    use ff_models::{Architecture, Model, Spec};
    use tch::Device;

    use super::*;

    fn initial(architecture: Architecture) -> BTreeMap<String, OwnedTensor> {
        Model::new(&Spec::new(architecture, 7), Device::Cpu, 0).unwrap().state_dict()
    }

    #[test]
    fn no_tensor_of_perturbed_weights_is_constant() {
        for architecture in [Architecture::RESNET_PICO, Architecture::VGG_PICO, Architecture::DEIT_PICO] {
            let tensors = initial(architecture);
            let weights = perturbed(tensors.clone());
            for (name, tensor) in weights.iter() {
                // LayerNorm's weights stay at 1; counts of batches are integers.
                let is_layer_norm = name.contains("norm") && name.ends_with(".weight");
                let Some(values) = tensor.to_f32().filter(|_| !is_layer_norm) else { continue };
                assert!(values.iter().any(|value| *value != values[0]), "{architecture}: {name}");
                let variance = name.ends_with("running_var");
                assert!(!variance || values.iter().all(|value| *value > 0.0), "{architecture}: {name}");
            }
            // What is drawn already is kept.
            let kept = |name: &str| weights.get(name).unwrap().data == tensors[name].data;
            assert!(kept(&format!("{}.weight", architecture.classifier)));
            assert_eq!(weights.digest(), perturbed(tensors).digest(), "a function of the names");
        }
    }

    #[test]
    fn kernels_of_one_direction_are_similar() {
        let weights = perturbed(initial(Architecture::VGG_PICO));
        let similar = alike(&weights, ["features.8.weight"].into_iter());
        let kernel = similar.get("features.8.weight").unwrap();
        let values = kernel.to_f32().unwrap();
        let length = values.len() / kernel.shape[0];
        let cosine = |a: usize, b: usize| {
            let (a, b) = (&values[a * length..][..length], &values[b * length..][..length]);
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            product(a, b) / (product(a, a) * product(b, b)).sqrt()
        };
        // Of one direction: 9 = 1 + 8, 17 = 1 + 16.
        assert!((cosine(9, 17) - 0.5).abs() < 0.2, "{}", cosine(9, 17));
        assert!(cosine(9, 18).abs() < 0.2, "{}", cosine(9, 18));
        let same = |name: &str| similar.get(name) == weights.get(name);
        assert!(same("features.0.weight") && same("classifier.0.weight"));
    }
}
