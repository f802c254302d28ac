//! Compares the optimizers and the schedules with PyTorch and the paper's formula.

use std::path::{Path, PathBuf};

use ff_checkpoint::StateDict;
use ff_models::{Parameter, ParameterKind};
use ff_train::{LrSchedule, Optimizer, OptimizerConfig};
use tch::Tensor;

fn golden(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")).join(file)
}

const NAMES: [&str; 3] = ["conv.weight", "fc.weight", "fc.bias"];

fn tensor(file: &StateDict, name: &str) -> Tensor {
    let found = file.get(name).unwrap();
    let shape: Vec<i64> = found.shape.iter().map(|&size| size as i64).collect();
    Tensor::from_slice(&found.to_f32().unwrap()).view(shape.as_slice())
}

/// Returns the same loss as make.py.
fn loss(parameters: &[Parameter], targets: &[Tensor]) -> Tensor {
    let each = parameters.iter().zip(targets).map(|(parameter, target)| {
        let w = &parameter.tensor;
        (w - target).square().mean(tch::Kind::Float) + (w * 3.0).sin().mean(tch::Kind::Float) * 0.3
    });
    each.reduce(|a, b| a + b).unwrap()
}

/// Compares the parameters after 1, 10 and 200 steps. The state is saved and loaded into a new
/// optimizer at step 57.
fn follows_pytorch(case: &str, config: OptimizerConfig, channels_last: bool) {
    let file = StateDict::open(golden("optimizer/golden.safetensors")).unwrap();
    let make = |prefix: &str| -> Vec<Parameter> {
        let one = |name: &&str| {
            let mut value = tensor(&file, &format!("{prefix}{name}"));
            if channels_last && value.dim() == 4 {
                value = value.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
            }
            Parameter { name: (*name).to_owned(), tensor: value, kind: ParameterKind::Weight }
        };
        NAMES.iter().map(one).collect()
    };
    let mut parameters = make("start/");
    let targets: Vec<Tensor> = NAMES.iter().map(|name| tensor(&file, &format!("target/{name}"))).collect();
    let mut optimizer = Optimizer::new(&config, parameters.iter());
    for step in 1..=200 {
        if step == 57 {
            let state = StateDict::from_tensors(optimizer.state());
            for parameter in &mut parameters {
                parameter.tensor = parameter.tensor.detach().copy();
            }
            optimizer = Optimizer::new(&config, parameters.iter());
            optimizer.load_state(&state, "").unwrap();
        }
        optimizer.step(&loss(&parameters, &targets), 1e-2 * (1.0 - f64::from(step) / 400.0));
        if [1, 10, 200].contains(&step) {
            for parameter in &parameters {
                let expected = tensor(&file, &format!("{case}/{step}/{}", parameter.name));
                let scale = expected.abs().max().double_value(&[]).max(1.0);
                let off = (&parameter.tensor - expected).abs().max().double_value(&[]) / scale;
                assert!(off <= 1e-6, "{case}, step {step}, {}: off by {off}", parameter.name);
            }
        }
    }
}

#[test]
fn adamw_follows_pytorch() {
    for channels_last in [false, true] {
        let plain = OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 };
        follows_pytorch("adamw", plain, channels_last);
        let strong = OptimizerConfig::AdamW { betas: [0.8, 0.99], eps: 1e-3, weight_decay: 0.3 };
        follows_pytorch("adamw-strong-decay", strong, channels_last);
    }
}

#[test]
fn sgd_follows_pytorch() {
    follows_pytorch("sgd", OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 1e-4 }, true);
    follows_pytorch("sgd-plain", OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.0 }, false);
}

#[test]
fn a_state_of_another_rule_is_refused() {
    let parameters = [Parameter {
        name: "w".into(),
        tensor: Tensor::zeros([3], tch::kind::FLOAT_CPU),
        kind: ParameterKind::Weight,
    }];
    let sgd = Optimizer::new(&OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.0 }, parameters.iter());
    let state = StateDict::from_tensors(sgd.state());
    let config = OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 };
    let mut adamw = Optimizer::new(&config, parameters.iter());
    let text = adamw.load_state(&state, "").unwrap_err().to_string();
    assert!(text.contains("exp_avg"), "{text}");
}

#[test]
fn schedules_follow_the_formula_and_pytorch() {
    let text = std::fs::read_to_string(golden("schedule/golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let steps = golden["steps_per_epoch"].as_u64().unwrap() as usize;
    let cyclic = |phase| LrSchedule::Cyclic { lr_max: 1e-5, lr_min: 1e-8, epochs_per_cycle: 4, phase };
    for (name, schedule, epochs) in [
        ("fgg_from_zero", cyclic(0.0), 17),
        ("fgg_from_a_quarter", cyclic(0.25), 17),
        ("cosine", LrSchedule::Cosine { lr: 5e-4 }, 50),
    ] {
        let rates = schedule.over(epochs, steps).unwrap();
        let expected = golden[name].as_array().unwrap();
        assert_eq!(expected.len(), epochs as usize * steps);
        for (at, expected) in expected.iter().enumerate() {
            let (found, expected) = (rates.at(at + 1, &[]), expected.as_f64().unwrap());
            assert!(
                (found - expected).abs() <= 1e-15,
                "{name}, step {}: {found}, expected {expected}",
                at + 1
            );
        }
    }
}

#[test]
fn inmerge_rates_follow_pytorch() {
    let text = std::fs::read_to_string(golden("schedule/golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let values = |name: &str| -> Vec<f64> { serde_json::from_value(golden[name].clone()).unwrap() };
    let multi_step = LrSchedule::MultiStep { lr: 0.01, milestones: vec![0.5, 0.75], factor: 0.1 };
    let staged = LrSchedule::ReduceOnPlateau { lr: 0.01, factor: 0.1, patience_epochs: 8 };
    for (name, schedule) in
        [("multi_step_20", &multi_step), ("multi_step_5", &multi_step), ("staged", &staged)]
    {
        let (expected, losses) = (values(name), values("losses"));
        let rates = schedule.over(expected.len() as u32, 3).unwrap();
        for (epoch, expected) in expected.iter().enumerate() {
            // The first and the last step of the epoch.
            for step in [3 * epoch + 1, 3 * epoch + 3] {
                let found = rates.at(step, &losses[..epoch]);
                assert!(
                    (found - expected).abs() <= 1e-15,
                    "{name}, epoch {epoch}: {found}, expected {expected}"
                );
            }
        }
    }
}
