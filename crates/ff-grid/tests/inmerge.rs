//! In-model merging in models and in training.

use std::path::Path;
use std::sync::Arc;

use ff_checkpoint::Provenance;
use ff_data::{Augment, OnBadImage, Phantom, PhantomKind, SplitRule};
use ff_eval::Metric;
use ff_grid::InmergeHook;
use ff_inmerge::{InMerge, MergeStats, Pairs};
use ff_models::{Architecture, Model, Precision, Spec};
use ff_train::{
    CancelToken, EvalSet, LrSchedule, OptimizerConfig, Outcome, ResumeEvery, Run, StepHook, TrainConfig,
    TrainData, train,
};
use tch::{Device, Kind, Tensor};

const SETTINGS: InMerge = InMerge {
    shallow_layers: 2,
    merge_weight: 0.8,
    merge_probability: 0.3,
    similarity_threshold: 0.3,
    pairs: Pairs::Similar,
};

fn spec(architecture: Architecture, precision: Precision) -> Spec {
    Spec { image_size: 32, precision, ..Spec::new(architecture, 6) }
}

/// Gives a layer kernels of a few directions, so that some are similar, as after training.
fn make_realistic(weight: &Tensor) {
    let size = weight.size();
    let directions = Tensor::randn([&[size[0] / 32], &size[1..]].concat(), (Kind::Float, Device::Cpu));
    let which = Tensor::randint(size[0] / 32, [size[0]], (Kind::Int64, Device::Cpu));
    let noise = Tensor::randn(size.as_slice(), (Kind::Float, Device::Cpu));
    let kernels = (directions.index_select(0, &which) + noise) * 0.02;
    tch::no_grad(|| weight.shallow_clone().copy_(&kernels));
}

#[test]
fn every_network_of_the_paper_merges() {
    // L_s of the paper, and for ResNet50 that of its last stage: 49 convolutions, 9 in the last
    // stage.
    for (architecture, shallow_layers, deep) in [
        (Architecture::VGG19, 10, 6),
        (Architecture::VGG16, 10, 3),
        (Architecture::RESNET34, 30, 3),
        (Architecture::RESNET50, 40, 9),
    ] {
        tch::manual_seed(1);
        let model = Model::new(&spec(architecture, Precision::Fp32), Device::Cpu, 0).unwrap();
        let convolutions: Vec<_> = model.parameters().convolutions().collect();
        convolutions.iter().for_each(|convolution| make_realistic(&convolution.tensor));
        let before = model.state_dict();
        let mut hook = InmergeHook::new(InMerge { shallow_layers, ..SETTINGS }, 0, &model).unwrap();
        for step in 1..=2 {
            hook.before_forward(step, &model).unwrap();
        }
        let stats: Vec<MergeStats> = serde_json::from_value(hook.report()).unwrap();
        let layers: Vec<_> = stats.iter().map(|layer| layer.layer).collect();
        assert_eq!(
            layers,
            (shallow_layers + 1..=shallow_layers + deep).collect::<Vec<_>>(),
            "{architecture}"
        );
        assert!(stats.iter().all(|layer| layer.merged > 0), "{architecture}: {stats:?}");
        let after = model.state_dict();
        let changed: Vec<_> =
            after.iter().filter(|(name, now)| before[*name] != **now).map(|(name, _)| name).collect();
        let mut expected: Vec<_> = convolutions[shallow_layers..].iter().map(|one| &one.name).collect();
        expected.sort();
        assert_eq!(changed, expected, "{architecture}: only deep kernels change");
    }
}

#[test]
fn a_network_without_convolutions_is_refused() {
    let model = Model::new(&spec(Architecture::DEIT_PICO, Precision::Fp32), Device::Cpu, 0).unwrap();
    let error = InmergeHook::new(SETTINGS, 0, &model).err().unwrap().to_string();
    assert!(error.contains("no convolutions"), "{error}");
}

fn config(optimizer: OptimizerConfig, schedule: LrSchedule) -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 16,
        augment: Augment::Flip,
        seed: 3,
        optimizer,
        schedule,
        metric: Metric::Accuracy,
        keep_optimizer: true,
        ..TrainConfig::default()
    }
}

/// Trains a pico VGG. `stop_after` ends the run with a panic in that epoch, as if it were killed.
fn run(
    config: &TrainConfig,
    precision: Precision,
    settings: Option<InMerge>,
    folder: &Path,
    stop_after: Option<u32>,
) -> Outcome {
    let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [56, 32, 0], 5, false).unwrap());
    let splits = SplitRule::Official {}.split(dataset.as_ref(), Path::new("")).unwrap();
    let validation = Arc::new(EvalSet::new(dataset.clone(), splits.val.clone(), 16, 0, OnBadImage::Error));
    let data = TrainData { dataset, train: splits.train, validation };
    let spec = Spec { image_size: 16, ..spec(Architecture::VGG_PICO, precision) };
    let mut model = Model::new(&spec, Device::Cpu, 1).unwrap();
    let mut hooks: Vec<Box<dyn StepHook>> = Vec::new();
    if let Some(settings) = settings {
        hooks.push(Box::new(InmergeHook::new(settings, config.seed, &model).unwrap()));
    }
    let provenance = Provenance {
        kind: "finetune".into(),
        recipe: serde_json::to_value(config).unwrap(),
        parents: vec![],
        data: None,
        code_version: "test".into(),
    };
    let run = Run {
        folder,
        provenance,
        optimizer: None,
        loader_threads: 0,
        on_bad_image: OnBadImage::Error,
        // An epoch has 4 steps, so resume points are inside epochs.
        resume_every: ResumeEvery::Steps(3),
        stop: CancelToken::default(),
        hooks: &mut hooks,
        on_epoch: &mut |epoch| assert!(stop_after != Some(epoch.epoch), "killed"),
    };
    train(config, &mut model, &data, run).unwrap()
}

fn files(folder: &Path, outcome: &Outcome) -> Vec<Vec<u8>> {
    let kept = outcome.models();
    let of_model = kept.flat_map(|kept| [Some(&kept.weights), kept.optimizer.as_ref()].into_iter().flatten());
    of_model.map(|file| std::fs::read(folder.join(&file.path)).unwrap()).collect()
}

/// Settings that merge often in a network of random kernels, few of which are similar.
const OFTEN: InMerge = InMerge { similarity_threshold: 0.05, merge_probability: 0.8, ..SETTINGS };

#[test]
fn a_run_with_merging_resumes_bit_for_bit() {
    let sgd = OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 1e-4 };
    let adamw = OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 };
    let multi_step = LrSchedule::MultiStep { lr: 0.01, milestones: vec![0.5], factor: 0.1 };
    let staged = LrSchedule::ReduceOnPlateau { lr: 1e-3, factor: 0.1, patience_epochs: 1 };
    let cyclic = LrSchedule::Cyclic { lr_max: 1e-3, lr_min: 1e-6, epochs_per_cycle: 2, phase: 0.25 };
    for (optimizer, schedule, precision) in [
        (sgd, multi_step, Precision::Fp32),
        (adamw.clone(), staged, Precision::Bf16),
        (adamw, cyclic, Precision::Fp32), // Fast Geometric Generation
    ] {
        let keep_optimizer = !matches!(schedule, LrSchedule::Cyclic { .. });
        let config = TrainConfig { keep_optimizer, ..config(optimizer, schedule) };
        let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let uninterrupted = run(&config, precision, Some(OFTEN), whole.path(), None);
        let killed =
            std::panic::catch_unwind(|| run(&config, precision, Some(OFTEN), stopped.path(), Some(3)));
        assert!(killed.is_err());
        let resumed = run(&config, precision, Some(OFTEN), stopped.path(), None);
        assert_eq!(files(whole.path(), &uninterrupted), files(stopped.path(), &resumed));
        for (a, b) in uninterrupted.history.iter().zip(&resumed.history) {
            assert_eq!(a.hooks, b.hooks);
            let stats = InmergeHook::of(a).unwrap();
            assert_eq!(stats.iter().map(|layer| layer.layer).collect::<Vec<_>>(), [3, 4]);
            assert!(stats.iter().all(|layer| layer.merged > 0), "{stats:?}");
        }
    }
}

#[test]
fn merging_changes_weights_only_at_a_positive_probability() {
    let sgd = OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 1e-4 };
    let config = config(sgd, LrSchedule::Constant { lr: 0.01 });
    let folder = tempfile::tempdir().unwrap();
    let weights = |settings, name: &str| {
        let folder = folder.path().join(name);
        let outcome = run(&config, Precision::Fp32, settings, &folder, None);
        outcome.kept.unwrap().weights.open(&folder).unwrap()
    };
    let plain = weights(None, "plain");
    let never = weights(Some(InMerge { merge_probability: 0.0, ..OFTEN }), "never");
    let merged = weights(Some(OFTEN), "merged");
    assert_eq!(plain.digest(), never.digest());
    assert_ne!(plain.digest(), merged.digest());
    // The same names and shapes, so inference is that of the baseline.
    assert!(plain.iter().map(|(name, t)| (name, t.shape)).eq(merged.iter().map(|(name, t)| (name, t.shape))));
}
