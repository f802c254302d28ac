//! Whole runs of a small network on phantoms.

mod divergence;
mod ema;
mod learning;
mod recalibrate;
mod resume;
mod snapshots;
mod statistics;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::{Augment, OnBadImage, Phantom, PhantomKind, SplitRule};
use ff_eval::Metric;
use ff_models::{Architecture, Model, Precision, Spec};
use ff_train::{
    CancelToken, Error, EvalSet, LrSchedule, OptimizerConfig, Outcome, ResumeEvery, Run, StepHook,
    TrainConfig, TrainData, train,
};

const SPEC: Spec = Spec {
    architecture: Architecture::RESNET_PICO,
    outputs: 6,
    image_size: 16,
    precision: Precision::Fp32,
    normalisation: None,
};

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 16,
        augment: Augment::Heavy,
        seed: 3,
        optimizer: OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 },
        schedule: LrSchedule::Cosine { lr: 3e-3 },
        metric: Metric::Accuracy,
        keep_optimizer: true,
        ..TrainConfig::default()
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

/// The settings that a test varies.
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
                // A kill right after the epoch is recorded.
                assert!(trial.stop_after != Some(epoch.epoch), "killed");
            },
        },
    )
}

fn same_files(a: &Path, b: &Path, outcome: &Outcome) {
    for kept in outcome.models() {
        for file in kept.files() {
            let read = |folder: &Path| std::fs::read(folder.join(&file.path)).unwrap();
            assert_eq!(read(a), read(b), "{file:?}");
            assert_eq!(Some(*file.open(a).unwrap().digest()), file.digest);
        }
    }
}

/// Returns the outcome without the durations of its history.
fn untimed(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    outcome.history.iter_mut().for_each(|epoch| (epoch.seconds, epoch.data_seconds) = (0.0, 0.0));
    outcome
}
