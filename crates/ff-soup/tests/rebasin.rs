//! Git Re-Basin on networks with planted permutations.

use std::collections::BTreeMap;

use ff_checkpoint::Dtype;
use ff_soup::{Error, METHODS, Mean, MergeMethod, OwnedTensor, Parts, Rebasin, StateDict, UnitGroups};
use serde_json::json;

/// Tensors of a network with random values: all different, and variances above 0.
struct Network {
    tensors: BTreeMap<String, OwnedTensor>,
    dtype: Dtype,
    state: u64,
}

impl Network {
    fn new(dtype: Dtype, seed: u64) -> Self {
        Self { tensors: BTreeMap::new(), dtype, state: seed }
    }

    fn uniform(&mut self) -> f64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as f64 / f64::from(1u32 << 31)
    }

    fn tensor(mut self, name: String, shape: &[usize], low: f64) -> Self {
        let values: Vec<f64> = (0..shape.iter().product::<usize>()).map(|_| low + self.uniform()).collect();
        self.tensors.insert(name, OwnedTensor::rounded(self.dtype, shape, &values));
        self
    }

    fn layer(self, name: &str, shape: &[usize]) -> Self {
        self.tensor(format!("{name}.weight"), shape, -0.5)
    }

    fn biased(self, name: &str, shape: &[usize]) -> Self {
        self.layer(name, shape).tensor(format!("{name}.bias"), &shape[..1], -0.5)
    }

    fn norm(self, name: &str, units: usize) -> Self {
        let mut network = self.biased(name, &[units]);
        for (statistic, low) in [("running_mean", -0.5), ("running_var", 0.5)] {
            network = network.tensor(format!("{name}.{statistic}"), &[units], low);
        }
        network.tensors.insert(format!("{name}.num_batches_tracked"), OwnedTensor::i64([], &[7]));
        network
    }

    fn weights(self) -> StateDict {
        StateDict::from_tensors(self.tensors)
    }
}

/// Basic blocks: one with the stem's stream, two with a stream of their own.
fn resnet(dtype: Dtype, seed: u64) -> StateDict {
    let mut network = Network::new(dtype, seed).layer("conv1", &[8, 3, 3, 3]).norm("bn1", 8);
    for (name, inputs, units) in [("layer1.0", 8, 8), ("layer2.0", 8, 12), ("layer2.1", 12, 12)] {
        network = network.layer(&format!("{name}.conv1"), &[units, inputs, 3, 3]);
        network = network.norm(&format!("{name}.bn1"), units);
        network = network.layer(&format!("{name}.conv2"), &[units, units, 3, 3]);
        network = network.norm(&format!("{name}.bn2"), units);
        if inputs != units {
            network = network.layer(&format!("{name}.downsample.0"), &[units, inputs, 1, 1]);
            network = network.norm(&format!("{name}.downsample.1"), units);
        }
    }
    network.biased("fc", &[5, 12]).weights()
}

/// A bottleneck block that widens the stream, and one that keeps it.
fn bottlenecks(dtype: Dtype, seed: u64) -> StateDict {
    let mut network = Network::new(dtype, seed).layer("conv1", &[6, 3, 3, 3]).norm("bn1", 6);
    for (name, inputs) in [("layer1.0", 6), ("layer1.1", 16)] {
        let shapes = [[4, inputs, 1, 1], [4, 4, 3, 3], [16, 4, 1, 1]];
        for (number, shape) in (1..).zip(shapes) {
            network = network.layer(&format!("{name}.conv{number}"), &shape);
            network = network.norm(&format!("{name}.bn{number}"), shape[0]);
        }
    }
    network = network.layer("layer1.0.downsample.0", &[16, 6, 1, 1]).norm("layer1.0.downsample.1", 16);
    network.biased("fc", &[5, 16]).weights()
}

/// Convolutions, of which the last has maps of 2×2, and three linear layers. With BatchNorm its
/// numbers are torchvision's of `vgg*_bn`.
fn vgg(dtype: Dtype, seed: u64, norms: bool) -> StateDict {
    let mut network = Network::new(dtype, seed);
    let numbers = if norms { [0, 4, 7] } else { [0, 3, 5] };
    for (number, shape) in numbers.into_iter().zip([[6, 3, 3, 3], [9, 6, 3, 3], [10, 9, 3, 3]]) {
        network = network.biased(&format!("features.{number}"), &shape);
        if norms {
            network = network.norm(&format!("features.{}", number + 1), shape[0]);
        }
    }
    for (number, shape) in [(0, [14, 40]), (3, [11, 14]), (6, [5, 11])] {
        network = network.biased(&format!("classifier.{number}"), &shape);
    }
    network.weights()
}

fn networks(dtype: Dtype, seed: u64) -> [StateDict; 4] {
    [resnet(dtype, seed), bottlenecks(dtype, seed), vgg(dtype, seed, false), vgg(dtype, seed, true)]
}

/// Random orders of the units.
fn orders(groups: &UnitGroups, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Network::new(Dtype::F32, seed);
    let shuffled = groups.sizes().map(|units| {
        let mut order: Vec<(u64, usize)> =
            (0..units).map(|unit| (random.uniform().to_bits(), unit)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, unit)| unit).collect()
    });
    shuffled.collect()
}

fn planted(weights: &StateDict, seed: u64) -> StateDict {
    let groups = UnitGroups::of(weights).unwrap();
    groups.permuted(weights, &orders(&groups, seed))
}

fn merged(models: &[&StateDict]) -> StateDict {
    Rebasin::default().merge(&Parts::of(models)).unwrap()
}

#[test]
fn planted_permutations_are_found_exactly() {
    for seed in 0..5 {
        for dtype in [Dtype::F32, Dtype::BF16, Dtype::F64] {
            for (at, model) in networks(dtype, seed).iter().enumerate() {
                let copies = [1, 2].map(|copy| planted(model, 10 * seed + copy));
                assert_ne!(model.digest(), copies[0].digest());
                let found = merged(&[model, &copies[0], &copies[1]]);
                assert_eq!(found.digest(), model.digest(), "network {at}, seed {seed}, {dtype}");
            }
        }
    }
}

#[test]
fn other_models_come_nearer_to_the_reference_than_they_were() {
    let distance = |a: &StateDict, b: &StateDict| -> f64 {
        let squares = a.iter().filter(|(name, _)| !name.contains("running")).map(|(name, tensor)| {
            let other = b.get(name).and_then(|other| other.to_f64()).unwrap_or_default();
            let values = tensor.to_f64().unwrap_or_default();
            values.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
        });
        squares.sum()
    };
    for (model, other) in networks(Dtype::F64, 1).iter().zip(&networks(Dtype::F64, 900)) {
        let plain = Mean.merge(&Parts::of(&[model, other])).unwrap();
        let matched = merged(&[model, other]);
        // The distance of the mean is half of that to the other model.
        assert!(distance(model, &matched) < 0.99 * distance(model, &plain));
        assert_eq!(merged(&[model, other]).digest(), matched.digest(), "the same again");
        let once = Rebasin { passes: 1, ..Rebasin::default() }.merge(&Parts::of(&[model, other])).unwrap();
        assert!(distance(model, &matched) <= distance(model, &once) + 1e-9);
    }
}

#[test]
fn permutations_keep_every_value_and_the_layers_sizes() {
    let sizes = |weights: &StateDict| UnitGroups::of(weights).unwrap().sizes().collect::<Vec<_>>();
    let [basic, bottlenecks, plain, norms] = networks(Dtype::F32, 4);
    assert_eq!(sizes(&basic), [8, 8, 12, 12, 12]);
    assert_eq!(sizes(&bottlenecks), [6, 16, 4, 4, 4, 4]);
    assert_eq!(sizes(&plain), [6, 9, 10, 14, 11]);
    assert_eq!(sizes(&norms), sizes(&plain));

    let groups = UnitGroups::of(&plain).unwrap();
    let orders = orders(&groups, 5);
    let moved = groups.permuted(&plain, &orders);
    let values = |weights: &StateDict, name: &str| weights.get(name).unwrap().to_f32().unwrap();
    let (before, after) = (values(&plain, "classifier.0.weight"), values(&moved, "classifier.0.weight"));
    for (at, value) in after.iter().enumerate() {
        let (row, channel, place) = (at / 40, at % 40 / 4, at % 4);
        assert_eq!(*value, before[orders[3][row] * 40 + orders[2][channel] * 4 + place]);
    }
    assert_eq!(values(&moved, "classifier.6.bias"), values(&plain, "classifier.6.bias"));
    let inverse = orders.iter().map(|order| {
        let mut inverse = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, unit)| inverse[*unit] = place);
        inverse
    });
    assert_eq!(groups.permuted(&moved, &inverse.collect::<Vec<_>>()).digest(), plain.digest());
}

#[test]
fn a_network_without_a_rule_is_refused_by_its_first_such_tensor() {
    let refused = |network: Network, start: &str| {
        let (a, b) = (network.weights(), resnet(Dtype::F32, 1));
        let error = Rebasin::default().merge(&Parts::of(&[&a, &a])).unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
        // One model needs no rule.
        assert_eq!(merged(&[&a]).digest(), a.digest());
        assert_eq!(merged(&[&b]).digest(), b.digest());
    };
    let new = || Network::new(Dtype::F32, 1);
    let mlp = new().biased("blocks.0.mlp.fc1", &[8, 4]).layer("head", &[2, 4]);
    refused(mlp, "cannot merge `blocks.0.mlp.fc1.bias`: no rule of permutations for a network with this");
    let squeezed = new().layer("conv1", &[8, 3, 3, 3]).norm("bn1", 8).biased("fc", &[2, 8]);
    refused(squeezed.layer("layer1.0.se.fc1", &[2, 8]), "cannot merge `layer1.0.se.fc1.weight`: no rule");
    let grouped = new().layer("features.0", &[8, 3, 3, 3]).layer("features.2", &[8, 4, 3, 3]);
    refused(
        grouped.layer("classifier.0", &[2, 8]),
        "cannot merge `features.2.weight`: expected 8 units on axis 1, found the shape [8, 4, 3, 3]",
    );
    let headless = new().layer("conv1", &[8, 3, 3, 3]).norm("bn1", 8);
    refused(headless, "cannot merge `fc.weight`: the network's other tensors need it, found none");
    assert!(matches!(Rebasin::default().merge(&Parts::of(&[])), Err(Error::Empty)));
}

#[test]
fn settings_have_defaults_and_are_checked() {
    let kind = METHODS.iter().find(|kind| kind.name == "rebasin").unwrap();
    assert_eq!((kind.new)(&json!({})).unwrap().settings(), json!({"seed": 0, "passes": 100}));
    assert_eq!(
        (kind.new)(&json!({"seed": 3, "passes": 2})).unwrap().settings(),
        json!({"seed": 3, "passes": 2})
    );
    let error = |settings| (kind.new)(&settings).err().unwrap();
    assert_eq!(error(json!({"passes": 0})), "passes: expected at least 1, found 0");
    assert!(error(json!({"pases": 1})).contains("unknown field `pases`"));
}
