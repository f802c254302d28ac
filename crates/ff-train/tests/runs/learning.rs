//! Results, hooks and refused configurations of a run.

use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_data::Augment;
use ff_eval::Metric;
use ff_models::Model;
use ff_train::{
    Ema, Error, LrSchedule, OptimizerConfig, Sampling, SelectBy, StepHook, TaskWeights, TrainConfig,
    Trainable, load_predictions,
};

use crate::{SPEC, Trial, config, cyclic_config, run, same_files, untimed};

#[test]
fn loader_threads_change_nothing() {
    tch::set_num_threads(1);
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let outcomes: Vec<_> = [0, 1, 3]
        .iter()
        .zip(&folders)
        .map(|(&threads, folder)| {
            run(&config(), folder.path(), Trial { threads, ..Trial::default() }).unwrap()
        })
        .collect();
    for (outcome, folder) in outcomes.iter().zip(&folders) {
        assert_eq!(untimed(outcome), untimed(&outcomes[0]));
        same_files(folders[0].path(), folder.path(), outcome);
    }
}

#[test]
fn training_learns_and_keeps_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig { epochs: 30, augment: Augment::Eval, ..config() };
    let outcome = run(&config, folder.path(), Trial::default()).unwrap();
    let (first, last) = (&outcome.history[0], &outcome.history[29]);
    assert!(last.train_loss < 0.5 * first.train_loss, "{} to {}", first.train_loss, last.train_loss);
    let kept = outcome.kept.unwrap();
    let best = outcome.history.iter().filter_map(|epoch| epoch.validation.value()).fold(f64::MIN, f64::max);
    let first_best = outcome.history.iter().find(|epoch| epoch.validation.value() == Some(best)).unwrap();
    assert_eq!((kept.epoch, kept.validation.value()), (first_best.epoch, Some(best)));
    let predictions = load_predictions(&folder.path().join(&kept.predictions.path)).unwrap();
    assert_eq!(
        Metric::Accuracy.evaluate(&predictions),
        kept.validation,
        "the file's predictions are the kept epoch's"
    );

    let by_loss = TrainConfig { select_by: SelectBy::Loss, epochs: 6, ..config };
    let outcome = run(&by_loss, tempfile::tempdir().unwrap().path(), Trial::default()).unwrap();
    let lowest =
        outcome.history.iter().min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss)).unwrap();
    assert_eq!(outcome.kept.unwrap().epoch, lowest.epoch);
}

#[test]
fn the_linear_probe_changes_only_the_classifier() {
    for update_bn_stats in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let config =
            TrainConfig { trainable: Trainable::Classifier { update_bn_stats }, epochs: 2, ..config() };
        let outcome = run(&config, folder.path(), Trial::default()).unwrap();
        let after = outcome.kept.unwrap().weights.open(folder.path()).unwrap();
        let before = StateDict::from_tensors(Model::new(&SPEC, tch::Device::Cpu, 1).unwrap().state_dict());
        for (name, tensor) in before.iter() {
            let moved = after.get(name) != Some(tensor);
            let statistic = name.contains("running_") || name.contains("num_batches");
            let expected = name.starts_with("fc.") || (update_bn_stats && statistic);
            assert_eq!(moved, expected, "{name}, update_bn_stats {update_bn_stats}");
        }
    }
}

#[test]
fn early_stopping_stops() {
    let config = TrainConfig {
        early_stopping_epochs: Some(1),
        epochs: 40,
        schedule: LrSchedule::Constant { lr: 0.1 },
        ema: Some(Ema::default()),
        ..config()
    };
    let outcome = run(&config, tempfile::tempdir().unwrap().path(), Trial::default()).unwrap();
    let losses: Vec<f64> = outcome.history.iter().map(|epoch| epoch.validation_loss).collect();
    assert!(losses.len() < 40, "{losses:?}");
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[losses.len() - 2], lowest, "one epoch after the lowest: {losses:?}");
    let ema = outcome.ema.expect("an average of all steps");
    assert_eq!((ema.epoch as usize, ema.step), (losses.len(), 4 * losses.len()));
}

#[test]
fn hooks_run_before_every_step_and_not_in_validation() {
    struct Count(Arc<std::sync::Mutex<Vec<usize>>>);
    impl StepHook for Count {
        fn name(&self) -> &str {
            "count"
        }

        fn before_forward(&mut self, step: usize, _: &Model) -> Result<(), Error> {
            self.0.lock().unwrap().push(step);
            Ok(())
        }

        fn report(&mut self) -> serde_json::Value {
            self.0.lock().unwrap().len().into()
        }
    }
    let steps = Arc::default();
    let trial = Trial { hooks: vec![Box::new(Count(Arc::clone(&steps)))], ..Trial::default() };
    let config = TrainConfig { epochs: 2, ..config() };
    let outcome = run(&config, tempfile::tempdir().unwrap().path(), trial).unwrap();
    let reports: Vec<_> = outcome.history.iter().map(|epoch| epoch.hooks["count"].clone()).collect();
    assert_eq!(reports, [4, 8], "a hook's reports are in the history");
    assert_eq!(*steps.lock().unwrap(), (1..=8).collect::<Vec<_>>());
}

#[test]
fn samples_and_sizes_are_other_images() {
    tch::set_num_threads(1);
    let config = TrainConfig { epochs: 2, augment: Augment::Eval, ..config() };
    let losses = |config: TrainConfig| {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run(&config, folder.path(), Trial::default()).unwrap();
        assert!(outcome.history.iter().all(|epoch| epoch.images == 56), "as many images in each epoch");
        let kept = outcome.kept.unwrap();
        let predictions = load_predictions(&folder.path().join(&kept.predictions.path)).unwrap();
        assert_eq!(predictions.len(), 32, "validation stays as it is");
        outcome.history.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>()
    };
    let all = losses(config.clone());
    // The default, written out, is the same run.
    assert_eq!(losses(TrainConfig { image_size: Some(16), ..config.clone() }), all);
    for other in [
        TrainConfig { sample: Sampling::Bootstrap, ..config.clone() },
        TrainConfig { sample: Sampling::Balanced, ..config.clone() },
        TrainConfig { image_size: Some(12), ..config.clone() },
        TrainConfig { image_size: Some(24), ..config },
    ] {
        let (sample, size) = (other.sample.name(), other.image_size);
        assert_ne!(losses(other)[0], all[0], "{sample} {size:?}");
    }
}

#[test]
fn wrong_configurations_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (config, expected) in [
        (TrainConfig { epochs: 0, ..config() }, "epochs"),
        (TrainConfig { batch_size: 0, ..config() }, "batch_size"),
        (
            TrainConfig { early_stopping_epochs: Some(0), ..config() },
            "early_stopping_epochs: expected at least 1",
        ),
        (TrainConfig { task_weights: TaskWeights::Rarity, ..config() }, "task_weights"),
        (
            TrainConfig { image_size: Some(0), ..config() },
            "image_size: resnet_pico: image size: expected at least 1 px, found 0 px\nhint: leave the key out",
        ),
        (TrainConfig { keep_optimizer: true, ..cyclic_config() }, "keep_optimizer"),
        (
            TrainConfig { ema: Some(Ema { decay: 1.0 }), ..config() },
            "ema.decay: expected a number in [0, 1), found 1",
        ),
        (TrainConfig { ema: Some(Ema { decay: f64::NAN }), ..config() }, "ema.decay"),
        (
            TrainConfig {
                ema: Some(Ema::default()),
                trainable: Trainable::Classifier { update_bn_stats: true },
                ..config()
            },
            "ema: expected a run that trains all parameters",
        ),
        (TrainConfig { schedule: LrSchedule::Cosine { lr: f64::INFINITY }, ..config() }, "schedule.lr"),
        (
            TrainConfig { optimizer: OptimizerConfig::Sgd { momentum: 1.5, weight_decay: 0.0 }, ..config() },
            "momentum",
        ),
    ] {
        let text = run(&config, folder.path(), Trial::default()).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}
