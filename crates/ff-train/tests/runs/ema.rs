//! The moving average of a run's weights.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use ff_checkpoint::StateDict;
use ff_data::OnBadImage;
use ff_models::Model;
use ff_train::{Ema, Error, Outcome, Recalibration, StepHook, TrainConfig, load_predictions};

use crate::{SPEC, Trial, config, cyclic_config, data, run, untimed};

/// Trained weights by name.
type Weights = BTreeMap<String, Vec<f32>>;

fn trained(model: &Model) -> Weights {
    let state = StateDict::from_tensors(model.state_dict());
    let values = |name: &str| state.get(name).unwrap().to_f32().unwrap();
    model.parameters().trainable().map(|weight| (weight.name.clone(), values(&weight.name))).collect()
}

/// A hook that records the weights before each step.
struct Recorder(Rc<RefCell<Vec<Weights>>>);

impl StepHook for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn before_forward(&mut self, _: usize, model: &Model) -> Result<(), Error> {
        self.0.borrow_mut().push(trained(model));
        Ok(())
    }
}

fn opened(folder: &Path, outcome: &Outcome) -> Vec<StateDict> {
    outcome.models().map(|saved| saved.weights.open(folder).unwrap()).collect()
}

#[test]
fn the_average_follows_its_rule_and_has_batchnorm_of_its_own() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let steps = Rc::<RefCell<Vec<Weights>>>::default();
    let hooks: Vec<Box<dyn StepHook>> = vec![Box::new(Recorder(steps.clone()))];
    let decay = 0.3;
    let config = TrainConfig { epochs: 1, ema: Some(Ema { decay }), ..config() };
    let outcome = run(&config, folder.path(), Trial { hooks, ..Trial::default() }).unwrap();
    // The only epoch is the best, so its model has the weights after the last step.
    let models = opened(folder.path(), &outcome);
    assert_eq!(models.len(), 2);
    let (kept, average) = (&models[0], &models[1]);
    let mut model = Model::new(&SPEC, tch::Device::Cpu, 7).unwrap();
    model.load_strict(kept).unwrap();
    let mut steps = steps.take();
    steps.push(trained(&model));
    assert_eq!(steps.len(), 1 + 4);
    for (name, start) in &steps[0] {
        let mut expected: Vec<f64> = start.iter().copied().map(f64::from).collect();
        for (t, weights) in (1..=4u32).zip(&steps[1..]) {
            // In the first two of the four steps, the warm-up's decay is lower than 0.3.
            let decay = f64::min(decay, (1.0 + f64::from(t)) / (10.0 + f64::from(t)));
            for (mean, weight) in expected.iter_mut().zip(&weights[name]) {
                *mean = decay * *mean + (1.0 - decay) * f64::from(*weight);
            }
        }
        let found = average.get(name).unwrap().to_f32().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.into_iter().zip(expected) {
            let off = (f64::from(found) - expected).abs();
            assert!(off <= 1e-6 * expected.abs().max(0.1), "{name}: {found}, expected {expected}");
        }
    }

    // The statistics are those of the training images at the averaged weights.
    let data = data();
    let (dataset, train) = (data.dataset.clone(), data.train.clone());
    let images = Recalibration::new(dataset, train, SPEC.image_size, config.batch_size, 0, OnBadImage::Error);
    model.load_strict(average).unwrap();
    images.run(&model).unwrap();
    let recomputed = StateDict::from_tensors(model.state_dict());
    assert!(recomputed.iter().eq(average.iter()));
    assert!(average.get("bn1.running_mean") != kept.get("bn1.running_mean"));

    let saved = outcome.ema.as_ref().unwrap();
    let predictions = load_predictions(&folder.path().join(&saved.predictions.path)).unwrap();
    assert_eq!(predictions, data.validation.predict(&model, None).unwrap());
    assert_eq!(saved.validation, config.metric.evaluate(&predictions));
    assert_eq!((saved.epoch, saved.step, outcome.evaluations()), (1, 4, 2));
    assert_eq!(average.provenance().unwrap().recipe["average"], "ema");
    assert!(kept.provenance().unwrap().recipe.get("average").is_none());
}

#[test]
fn the_average_does_not_change_the_run() {
    tch::set_num_threads(1);
    for config in [config(), cyclic_config()] {
        let (plain, averaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = run(&config, plain.path(), Trial::default()).unwrap();
        let with = TrainConfig { ema: Some(Ema::default()), ..config };
        let mut found = run(&with, averaged.path(), Trial::default()).unwrap();
        assert!(found.ema.take().is_some());
        assert_eq!(untimed(&found).history, untimed(&expected).history);
        let [expected, found] = [(&plain, &expected), (&averaged, &found)]
            .map(|(folder, outcome)| opened(folder.path(), outcome));
        assert!(!found.is_empty() && found.len() == expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.iter().eq(expected.iter()));
        }
    }
}
