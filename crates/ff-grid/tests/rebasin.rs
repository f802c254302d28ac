//! Git Re-Basin on the networks of ff-models.

use std::sync::Arc;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_data::{Dataset, OnBadImage, Phantom, PhantomKind};
use ff_models::{Architecture, Model, Spec};
use ff_soup::{Mean, MergeMethod, Parts, Rebasin, UnitGroups};
use ff_train::{EvalSet, Recalibration};
use tch::Device;

const SIZE: u32 = 32;
const IMAGES: usize = 16;

/// Random numbers between −1 and 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

fn images() -> Arc<dyn Dataset> {
    Arc::new(Phantom::new(PhantomKind::Shapes, SIZE, [IMAGES, 0, 0], 3, false).unwrap())
}

fn model(architecture: Architecture, data: &dyn Dataset) -> Model {
    let spec = Spec { image_size: SIZE, ..Spec::new(architecture, data.task().outputs()) };
    Model::new(&spec, Device::Cpu, 0).unwrap()
}

/// Draws every float of a model: also the BatchNorm weights that start at 0 or 1, and statistics.
fn draw(model: &Model, seed: u64) -> StateDict {
    let mut noise = Noise(seed);
    let mut tensors = model.state_dict();
    for (name, tensor) in &mut tensors {
        if tensor.dtype != Dtype::F32 {
            continue;
        }
        let count: usize = tensor.shape.iter().product();
        let vector = tensor.shape.len() == 1;
        let (middle, width) = if vector && (name.ends_with("weight") || name.ends_with("running_var")) {
            (1.0, 0.5)
        } else if vector {
            (0.0, 0.2)
        } else {
            (0.0, (3.0 * tensor.shape[0] as f32 / count as f32).sqrt())
        };
        let values: Vec<f32> = (0..count).map(|_| middle + width * noise.next()).collect();
        *tensor = OwnedTensor::f32(tensor.shape.clone(), &values);
    }
    StateDict::from_tensors(tensors)
}

/// Adds noise of up to 2% of the largest magnitude to each tensor.
fn disturbed(weights: &StateDict, seed: u64) -> StateDict {
    let mut noise = Noise(seed);
    let tensors = weights.iter().map(|(name, tensor)| {
        let Some(mut values) = tensor.to_f32() else { return (name.to_owned(), tensor.to_owned()) };
        let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        values.iter_mut().for_each(|value| *value += 0.02 * largest * noise.next());
        (name.to_owned(), OwnedTensor::f32(tensor.shape, &values))
    });
    StateDict::from_tensors(tensors.collect())
}

/// Reorders the units of every group at random.
fn permuted(weights: &StateDict, seed: u64) -> StateDict {
    let groups = UnitGroups::of(weights).unwrap();
    let mut noise = Noise(seed);
    let orders = groups.sizes().map(|units| {
        let keys: Vec<f32> = (0..units).map(|_| noise.next()).collect();
        let mut order: Vec<usize> = (0..units).collect();
        order.sort_by(|a, b| keys[*a].total_cmp(&keys[*b]));
        order
    });
    let orders: Vec<Vec<usize>> = orders.collect();
    groups.permuted(weights, &orders)
}

fn logits(model: &Model, data: &Arc<dyn Dataset>) -> Vec<f64> {
    let all: Vec<usize> = (0..IMAGES).collect();
    let set = EvalSet::new(data.clone(), all.into(), SIZE, 0, OnBadImage::Error);
    set.predict(model, None).unwrap().logits().iter().map(|logit| f64::from(*logit)).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn reordered_units_compute_the_same_logits() {
    let data = images();
    for architecture in [
        Architecture::RESNET_PICO,
        Architecture::RESNET18,
        Architecture::RESNET50,
        Architecture::VGG_PICO,
        Architecture::VGG16_QUARTER,
    ] {
        let mut model = model(architecture, &*data);
        let weights = draw(&model, 1);
        let reordered = permuted(&weights, 2);
        assert_ne!(weights.digest(), reordered.digest());
        let [before, after] = [&weights, &reordered].map(|weights| {
            model.load_strict(weights).unwrap();
            logits(&model, &data)
        });
        let (change, norm) = (distance(&before, &after), distance(&before, &vec![0.0; before.len()]));
        assert!(norm.is_finite() && norm > 0.0, "{architecture}: {norm}");
        assert!(change < 1e-3 * norm, "{architecture}: logits of norm {norm} change by {change}");
    }
}

#[test]
fn matched_models_average_where_the_plain_mean_does_not() {
    let data = images();
    let all: Vec<usize> = (0..IMAGES).collect();
    let recalibration = Recalibration::new(data.clone(), all.into(), SIZE, IMAGES, 0, OnBadImage::Error);
    for architecture in [Architecture::RESNET_PICO, Architecture::VGG_PICO] {
        let mut model = model(architecture, &*data);
        let one = draw(&model, 5);
        let other = permuted(&disturbed(&one, 6), 7);
        let parts = [&one, &other];
        let plain = Mean.merge(&Parts::of(&parts)).unwrap();
        let matched = Rebasin::default().merge(&Parts::of(&parts)).unwrap();
        // BatchNorm statistics are recomputed for all four: REPAIR.
        let [one, other, plain, matched] = [&one, &other, &plain, &matched].map(|weights| {
            model.load_strict(weights).unwrap();
            recalibration.run(&model).unwrap();
            logits(&model, &data)
        });
        let [other, plain, matched] = [other, plain, matched].map(|logits| distance(&one, &logits));
        assert!(matched < other, "{architecture}: {matched}, the models are {other} apart");
        assert!(plain > 3.0 * other, "{architecture}: {plain}, the models are {other} apart");
    }
}
