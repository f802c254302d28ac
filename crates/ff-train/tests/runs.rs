//! Whole runs of a pico network on phantoms.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::{Augment, OnBadImage, Phantom, PhantomKind, SplitRule};
use ff_eval::Metric;
use ff_models::{Architecture, Model, Precision, Spec};
use ff_train::{
    CancelToken, Error, EvalSet, LrSchedule, OptimizerConfig, Outcome, ResumeEvery, Run, SelectBy, StepHook,
    TaskWeights, TrainConfig, TrainData, Trainable, load_predictions, train,
};

const SPEC: Spec =
    Spec { architecture: Architecture::RESNET_PICO, outputs: 6, image_size: 16, precision: Precision::Fp32 };

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 16,
        augment: Augment::Heavy,
        seed: 3,
        optimizer: OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 },
        schedule: LrSchedule::Cosine { lr: 3e-3 },
        trainable: Trainable::All {},
        select_by: SelectBy::Metric,
        metric: Metric::Accuracy,
        early_stopping_epochs: None,
        task_weights: TaskWeights::Equal,
        keep_optimizer: true,
    }
}

fn cyclic() -> LrSchedule {
    LrSchedule::Cyclic { lr_max: 1e-3, lr_min: 1e-6, epochs_per_cycle: 2, phase: 0.25 }
}

fn cyclic_config() -> TrainConfig {
    TrainConfig { schedule: cyclic(), keep_optimizer: false, ..config() }
}

fn data() -> TrainData {
    let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [56, 32, 0], 5, false).unwrap());
    let splits = SplitRule::Official {}.split(dataset.as_ref(), Path::new("")).unwrap();
    let validation = EvalSet::new(dataset.clone(), splits.val.clone(), 16, 0, OnBadImage::Error);
    let validation = Arc::new(validation);
    TrainData { dataset, train: splits.train, validation }
}

/// What one test varies.
struct Trial<'a> {
    threads: usize,
    resume_every: ResumeEvery,
    stop: CancelToken,
    optimizer: Option<StateDict>,
    start: Option<&'a StateDict>,
    hooks: Vec<Box<dyn StepHook>>,
    stop_after: Option<u32>,
}

impl Default for Trial<'_> {
    fn default() -> Self {
        Self {
            threads: 0,
            resume_every: ResumeEvery::Time(Duration::from_secs(3600)),
            stop: CancelToken::default(),
            optimizer: None,
            start: None,
            hooks: Vec::new(),
            stop_after: None,
        }
    }
}

fn run(config: &TrainConfig, folder: &Path, trial: Trial<'_>) -> Result<Outcome, Error> {
    run_on(config, folder, trial, &data())
}

fn run_on(
    config: &TrainConfig,
    folder: &Path,
    mut trial: Trial<'_>,
    data: &TrainData,
) -> Result<Outcome, Error> {
    let mut model = Model::new(&SPEC, tch::Device::Cpu, 1).unwrap();
    if let Some(start) = trial.start {
        model.load_strict(start).unwrap();
    }
    let provenance = Provenance {
        kind: "finetune".into(),
        recipe: serde_json::to_value(config).unwrap(),
        parents: vec![],
        data: Some(data.dataset.digest().to_owned()),
        code_version: "test".into(),
    };
    train(
        config,
        &mut model,
        data,
        Run {
            folder,
            provenance,
            optimizer: trial.optimizer.take(),
            loader_threads: trial.threads,
            on_bad_image: OnBadImage::Error,
            resume_every: trial.resume_every,
            stop: trial.stop.clone(),
            hooks: &mut trial.hooks,
            on_epoch: &mut |epoch| {
                // A kill at the worst moment: nothing after this point is reached.
                assert!(trial.stop_after != Some(epoch.epoch), "killed");
            },
        },
    )
}

fn same_files(a: &Path, b: &Path, outcome: &Outcome) {
    for kept in outcome.kept.iter().chain(&outcome.snapshots) {
        for file in kept.files() {
            let read = |folder: &Path| std::fs::read(folder.join(&file.path)).unwrap();
            assert_eq!(read(a), read(b), "{file:?}");
            assert_eq!(Some(*file.open(a).unwrap().digest()), file.digest);
        }
    }
}

/// Everything of a history but how long it took.
fn untimed(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    outcome.history.iter_mut().for_each(|epoch| (epoch.seconds, epoch.data_seconds) = (0.0, 0.0));
    outcome
}

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
    tch::set_num_threads(1);
    for config in [config(), cyclic_config()] {
        let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = run(&config, whole.path(), Trial::default()).unwrap();
        for epoch in [1, 3, 4] {
            let attempt = std::panic::catch_unwind(|| {
                let trial = Trial {
                    resume_every: ResumeEvery::Steps(3),
                    stop_after: Some(epoch),
                    threads: 2,
                    ..Trial::default()
                };
                run(&config, killed.path(), trial)
            });
            assert!(attempt.is_err(), "killed in epoch {epoch}");
        }
        let found = run(&config, killed.path(), Trial::default()).unwrap();
        assert_eq!(untimed(&found), untimed(&expected));
        same_files(whole.path(), killed.path(), &expected);
        let lines = std::fs::read_to_string(killed.path().join("history.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 4);

        assert_eq!(points(killed.path()).len(), 2);
        Outcome::forget_resume_points(killed.path()).unwrap();
        assert_eq!(points(killed.path()), [""; 0]);
        Outcome::forget_resume_points(killed.path()).unwrap();
    }
}

/// The resume points in a folder, oldest first.
fn points(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("resume-"));
    names.sort();
    names
}

/// Asks to stop before a step; what it counts in an epoch is reported.
struct StopAt {
    step: usize,
    stop: CancelToken,
    seen: u64,
}

impl StepHook for StopAt {
    fn name(&self) -> &str {
        "steps"
    }

    fn before_forward(&mut self, step: usize, _: &Model) -> Result<(), Error> {
        self.seen += 1;
        if step == self.step {
            self.stop.set();
        }
        Ok(())
    }

    fn report(&mut self) -> serde_json::Value {
        std::mem::take(&mut self.seen).into()
    }

    fn state(&self) -> serde_json::Value {
        self.seen.into()
    }

    fn load_state(&mut self, state: serde_json::Value) -> Result<(), Error> {
        self.seen = state.as_u64().ok_or_else(|| Error::Config("not a count".into()))?;
        Ok(())
    }
}

#[test]
fn a_run_that_is_stopped_at_any_step_goes_on_to_the_same_bits() {
    tch::set_num_threads(1);
    let config = cyclic_config();
    let trial = |step, threads| {
        let stop = CancelToken::default();
        let hook = StopAt { step, stop: stop.clone(), seen: 0 };
        Trial { stop, hooks: vec![Box::new(hook)], threads, ..Trial::default() }
    };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(&config, whole.path(), trial(0, 0)).unwrap();
    assert_eq!(expected.history.iter().map(|epoch| &epoch.hooks["steps"]).collect::<Vec<_>>(), [4, 4, 4, 4]);
    // 4 steps an epoch: captures are at steps 2 and 10, epochs end at 4, 8, 12 and 16.
    for step in 1..=16 {
        let ended = run(&config, stopped.path(), trial(step, step % 3));
        assert!(matches!(ended, Err(Error::Stopped)), "step {step}");
        assert_eq!(points(stopped.path()).last().unwrap(), &format!("resume-{step:010}.safetensors"));
    }
    let found = run(&config, stopped.path(), trial(0, 0)).unwrap();
    assert_eq!(untimed(&found), untimed(&expected));
    same_files(whole.path(), stopped.path(), &expected);
}

#[test]
fn a_capture_that_was_interrupted_is_made_up_for() {
    tch::set_num_threads(1);
    let config = TrainConfig { epochs: 1, ..cyclic_config() };
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(&config, whole.path(), Trial::default()).unwrap();
    assert_eq!(expected.snapshots[0].step, 2);
    // Only evaluation sees the wish: it stops in the middle of the capture, or at the end of the epoch.
    for step in [2, 4] {
        let stop = CancelToken::default();
        let hook = StopAt { step, stop: stop.clone(), seen: 0 };
        let mut data = data();
        let validation = Arc::into_inner(data.validation).unwrap();
        data.validation = Arc::new(validation.stopped_by(stop));
        let trial = Trial { hooks: vec![Box::new(hook)], ..Trial::default() };
        let ended = run_on(&config, stopped.path(), trial, &data);
        assert!(matches!(ended, Err(Error::Stopped)), "step {step}");
    }
    let found = run(&config, stopped.path(), Trial::default()).unwrap();
    assert_eq!(found.snapshots, expected.snapshots);
    same_files(whole.path(), stopped.path(), &expected);
}

#[test]
fn a_resume_point_of_another_run_is_refused_and_a_damaged_one_passed_over() {
    tch::set_num_threads(1);
    let whole = tempfile::tempdir().unwrap();
    let expected = run(&config(), whole.path(), Trial::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trial = || Trial { resume_every: ResumeEvery::Steps(3), ..Trial::default() };
    run(&config(), folder.path(), trial()).unwrap();
    let other = TrainConfig { seed: 4, ..config() };
    assert!(matches!(run(&other, folder.path(), trial()), Err(Error::Resume { .. })));

    // The newest, then both.
    let names = points(folder.path());
    assert_eq!(names, ["resume-0000000012.safetensors", "resume-0000000015.safetensors"]);
    for damaged in [&names[1..], &names] {
        for name in damaged {
            let path = folder.path().join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        let found = run(&config(), folder.path(), Trial::default()).unwrap();
        assert_eq!(untimed(&found), untimed(&expected));
        same_files(whole.path(), folder.path(), &expected);
    }
}

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
fn the_linear_probe_moves_the_classifier_only() {
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
            assert_eq!(moved, expected, "{name}, bn_drift {update_bn_stats}");
        }
    }
}

#[test]
fn fgg_captures_where_the_rate_is_lowest_and_carries_the_moments() {
    let (base, fgg) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = run(&config(), base.path(), Trial::default()).unwrap().kept.unwrap();
    let start = kept.weights.open(base.path()).unwrap();
    let moments = kept.optimizer.as_ref().unwrap().open(base.path()).unwrap();
    assert_eq!(moments.get("step").unwrap().to_i64().unwrap(), [kept.step as i64]);

    let config = TrainConfig { epochs: 5, ..cyclic_config() };
    let trial = |optimizer| Trial { start: Some(&start), optimizer, ..Trial::default() };
    let carried = run(&config, fgg.path(), trial(Some(moments))).unwrap();
    // 4 steps an epoch, 8 a cycle, 2 behind: the middle of the cycle is after steps 2, 10 and 18.
    assert_eq!(carried.snapshots.iter().map(|capture| capture.step).collect::<Vec<_>>(), [2, 10, 18]);
    for capture in &carried.snapshots {
        let predictions = load_predictions(&fgg.path().join(&capture.predictions.path)).unwrap();
        assert_eq!(Metric::Accuracy.evaluate(&predictions), capture.validation);
    }
    let other = tempfile::tempdir().unwrap();
    let reset = run(&config, other.path(), trial(None)).unwrap();
    let weights = |outcome: &Outcome| outcome.snapshots[0].weights.digest;
    assert_ne!(weights(&carried), weights(&reset), "the moments matter");
}

#[test]
fn a_loss_that_is_not_a_number_is_recorded_as_divergence() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig { schedule: LrSchedule::Constant { lr: 1e30 }, ..config() };
    let outcome = run(&config, folder.path(), Trial::default()).unwrap();
    let diverged = outcome.diverged.as_ref().unwrap();
    assert_eq!((diverged.epoch, diverged.learning_rate), (1, 1e30));
    assert!(diverged.step > 1 && diverged.last_finite_loss.is_some_and(f64::is_finite), "{diverged:?}");
    assert!(outcome.is_empty());
    assert!(!folder.path().join("kept.safetensors").exists());
}

#[test]
fn what_was_good_before_a_divergence_is_kept() {
    /// Makes a weight infinite before a step.
    struct Break(usize);
    impl StepHook for Break {
        fn name(&self) -> &str {
            "break"
        }

        fn before_forward(&mut self, step: usize, model: &Model) -> Result<(), Error> {
            if step == self.0 {
                let _ = model
                    .parameters()
                    .trainable()
                    .next()
                    .unwrap()
                    .tensor
                    .shallow_clone()
                    .fill_(f64::INFINITY);
            }
            Ok(())
        }
    }
    tch::set_num_threads(1);
    for config in [config(), TrainConfig { epochs: 8, ..cyclic_config() }] {
        let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Steps 13 to 16 are the fourth epoch: three good ones come before.
        let expected = run(&TrainConfig { epochs: 3, ..config.clone() }, whole.path(), Trial::default());
        let trial = Trial { hooks: vec![Box::new(Break(14))], ..Trial::default() };
        let found = run(&config, broken.path(), trial).unwrap();
        let diverged = found.diverged.as_ref().unwrap();
        assert_eq!((diverged.epoch, diverged.step), (4, 14));
        assert_eq!(found.history.len(), 3);
        assert!(!found.is_empty());
        let best = found.history.iter().filter_map(|epoch| epoch.validation.value()).fold(f64::MIN, f64::max);
        if let Some(kept) = &found.kept {
            assert_eq!(kept.validation.value(), Some(best));
            kept.weights.open(broken.path()).unwrap();
        }
        if let LrSchedule::Cyclic { .. } = config.schedule {
            // A cycle does not depend on how many follow it.
            let expected = expected.unwrap();
            assert_eq!(found.snapshots, expected.snapshots);
        }
    }
}

#[test]
fn a_capture_at_the_end_of_an_epoch_is_evaluated_once() {
    // Half a cycle is an epoch: captures are at the ends of epochs 1 and 3.
    let config = TrainConfig {
        schedule: LrSchedule::Cyclic { lr_max: 1e-3, lr_min: 1e-6, epochs_per_cycle: 2, phase: 0.0 },
        ..cyclic_config()
    };
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&config, folder.path(), Trial::default()).unwrap();
    assert_eq!(outcome.snapshots.iter().map(|capture| capture.step).collect::<Vec<_>>(), [4, 12]);
    assert_eq!(outcome.evaluations(), 4);
    for capture in &outcome.snapshots {
        assert_eq!(outcome.history[capture.epoch as usize - 1].validation, capture.validation);
    }
    assert!(outcome.kept.is_none() && !folder.path().join("kept.safetensors").exists());
}

#[test]
fn early_stopping_stops() {
    let config = TrainConfig {
        early_stopping_epochs: Some(1),
        epochs: 40,
        schedule: LrSchedule::Constant { lr: 0.1 },
        ..config()
    };
    let outcome = run(&config, tempfile::tempdir().unwrap().path(), Trial::default()).unwrap();
    let losses: Vec<f64> = outcome.history.iter().map(|epoch| epoch.validation_loss).collect();
    assert!(losses.len() < 40, "{losses:?}");
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[losses.len() - 2], lowest, "one epoch after the lowest: {losses:?}");
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
    assert_eq!(reports, [4, 8], "what a hook reports stands in the history");
    assert_eq!(*steps.lock().unwrap(), (1..=8).collect::<Vec<_>>());
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
        (TrainConfig { keep_optimizer: true, ..cyclic_config() }, "keep_optimizer"),
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
