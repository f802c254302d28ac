//! Statistics of a model on images.

use std::collections::BTreeMap;
use std::sync::Arc;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_data::{Dataset, OnBadImage, Phantom, PhantomKind};
use ff_models::{Architecture, Model, Spec};
use ff_train::{CancelToken, Error, EvalSet, Recalibration, fisher, gram};
use tch::Device;

const SIZE: u32 = 16;

fn images(kind: PhantomKind) -> Arc<dyn Dataset> {
    Arc::new(Phantom::new(kind, SIZE, [8, 0, 0], 2, false).unwrap())
}

fn model(data: &dyn Dataset) -> Model {
    let spec = Spec { image_size: SIZE, ..Spec::new(Architecture::RESNET_PICO, data.task().outputs()) };
    Model::new(&spec, Device::Cpu, 1).unwrap()
}

fn set(data: &Arc<dyn Dataset>, indices: &[usize]) -> Recalibration {
    Recalibration::new(data.clone(), indices.into(), SIZE, 3, 0, OnBadImage::Error)
}

fn values(tensors: &BTreeMap<String, OwnedTensor>, name: &str) -> Vec<f64> {
    let tensor = (name.to_owned(), tensors[name].clone());
    StateDict::from_tensors([tensor].into()).get(name).unwrap().to_f64().unwrap()
}

fn logits(data: &Arc<dyn Dataset>, model: &Model, index: usize) -> Vec<f64> {
    let set = EvalSet::new(data.clone(), [index].into(), SIZE, 0, OnBadImage::Error);
    set.predict(model, None).unwrap().logits().iter().map(|logit| f64::from(*logit)).collect()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-4 * expected.abs() + 1e-7
}

/// Checks that the information of a linear layer's weights is that of its biases times the squared
/// inputs.
fn squares_of_inputs(found: &BTreeMap<String, OwnedTensor>, inner: &BTreeMap<String, OwnedTensor>) {
    let (weight, bias) = (values(found, "fc.weight"), values(found, "fc.bias"));
    let products = values(inner, "fc.weight");
    let width = weight.len() / bias.len();
    for (at, weight) in weight.iter().enumerate() {
        let (class, input) = (at / width, at % width);
        let expected = bias[class] * products[input * width + input];
        assert!(close(*weight, expected), "class {class}, input {input}: {weight}, expected {expected}");
    }
}

#[test]
fn fisher_information_of_a_softmax_is_the_closed_form() {
    let data = images(PhantomKind::Shapes);
    let (model, one) = (model(&*data), set(&data, &[5]));
    let logits = logits(&data, &model, 5);
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let shares: Vec<f64> = logits.iter().map(|logit| logit.exp() / sum).collect();
    let mut counts = vec![0i32; shares.len()];
    let seeds = 200;
    for seed in 0..seeds {
        let found = fisher(&model, &one, seed).unwrap();
        let bias = values(&found, "fc.bias");
        // (p − e_y)² for the class y that was drawn.
        let is_of = |class: usize| {
            let indicator = |at: usize| f64::from(u8::from(at == class));
            bias.iter().enumerate().all(|(at, found)| close(*found, (shares[at] - indicator(at)).powi(2)))
        };
        let classes: Vec<usize> = (0..shares.len()).filter(|class| is_of(*class)).collect();
        assert_eq!(classes.len(), 1, "seed {seed}: {bias:?}, {shares:?}");
        counts[classes[0]] += 1;
        if seed == 0 {
            squares_of_inputs(&found, &gram(&model, &one, 1024).unwrap());
            let trained = model.parameters().trainable();
            assert!(trained.map(|weight| &weight.name).all(|name| found.contains_key(name)));
            assert_eq!(found.len(), model.parameters().trainable().count(), "and no buffers");
        }
    }
    for (count, share) in counts.iter().zip(&shares) {
        let (mean, variance) = (share * seeds as f64, share * (1.0 - share) * seeds as f64);
        assert!((f64::from(*count) - mean).abs() < 4.0 * variance.sqrt() + 1.0, "{counts:?}, {shares:?}");
    }
}

#[test]
fn fisher_information_of_labels_is_the_closed_form() {
    let data = images(PhantomKind::Findings);
    let (model, one) = (model(&*data), set(&data, &[3]));
    let shares = logits(&data, &model, 3).into_iter().map(|logit| 1.0 / (1.0 + (-logit).exp()));
    let found = fisher(&model, &one, 4).unwrap();
    for (found, share) in values(&found, "fc.bias").into_iter().zip(shares) {
        assert!(close(found, share * share) || close(found, (1.0 - share).powi(2)), "{found} {share}");
    }
    squares_of_inputs(&found, &gram(&model, &one, 1024).unwrap());
}

#[test]
fn statistics_are_means_over_the_images() {
    let data = images(PhantomKind::Shapes);
    let (model, all) = (model(&*data), [6, 1, 4, 2, 0]);
    type Compute = fn(&Model, &Recalibration) -> BTreeMap<String, OwnedTensor>;
    let kinds: [Compute; 2] = [
        |model, images| fisher(model, images, 7).unwrap(),
        |model, images| gram(model, images, 1024).unwrap(),
    ];
    let before = model.state_dict();
    for compute in kinds {
        let together = set(&data, &all);
        let found = compute(&model, &together);
        assert_eq!(compute(&model, &together), found, "a second pass is the same");
        let each: Vec<_> = all.iter().map(|index| compute(&model, &set(&data, &[*index]))).collect();
        for name in found.keys() {
            let each: Vec<_> = each.iter().map(|of| values(of, name)).collect();
            for (at, found) in values(&found, name).into_iter().enumerate() {
                let expected = each.iter().map(|of| of[at]).sum::<f64>() / all.len() as f64;
                assert!(
                    (found - expected).abs() < 1e-3 * expected.abs() + 1e-6,
                    "{name}: {found} {expected}"
                );
            }
        }
    }
    assert_eq!(model.state_dict(), before);
}

#[test]
fn statistics_that_cannot_be_computed_name_the_reason() {
    let data = images(PhantomKind::Shapes);
    let mut model = model(&*data);
    let some = set(&data, &[0, 1]);
    let narrow = gram(&model, &some, 1).unwrap_err().to_string();
    assert!(narrow.starts_with("max_width = 1: no layer of resnet_pico"), "{narrow}");
    assert!(matches!(fisher(&model, &set(&data, &[]), 0), Err(Error::NoImages(_))));
    let stop = CancelToken::default();
    stop.set();
    let stopped = set(&data, &[0, 1]).stopped_by(stop);
    assert!(matches!(gram(&model, &stopped, 1024), Err(Error::Stopped)));

    let mut damaged = model.state_dict();
    let bias = damaged.get_mut("fc.bias").unwrap();
    *bias = OwnedTensor::f32(bias.shape.clone(), &vec![f32::NAN; bias.shape[0]]);
    model.load_strict(&StateDict::from_tensors(damaged)).unwrap();
    let error = fisher(&model, &some, 0).unwrap_err().to_string();
    assert!(error.starts_with("Fisher information of `"), "{error}");
    assert!(error.contains("an infinity or NaN"), "{error}");
}
