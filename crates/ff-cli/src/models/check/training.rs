//! Training on a device and on the CPU.

use ff_checkpoint::StateDict;
use ff_models::{Mode, Model, Spec};
use ff_train::{Optimizer, OptimizerConfig};
use tch::{Device, Kind, Tensor};

use super::row::{Row, worst};
use crate::models::bench::Rule;

/// Steps in which losses are compared closely. Rounding grows from step to step.
const FIRST_STEPS: usize = 10;

/// Compares the losses of training on one batch, with each optimizer from equal weights.
pub(super) fn training(
    host: &mut Model,
    other: &mut Model,
    weights: &StateDict,
    images: &Tensor,
    steps: u64,
) -> anyhow::Result<Vec<Row>> {
    let &Spec { architecture, precision, .. } = other.spec();
    let mut rows = Vec::new();
    for (rule, lr) in [(Rule::AdamW, 1e-4), (Rule::Sgd, 1e-3)] {
        let (name, config) = (rule.name(), rule.config());
        host.load_strict(weights)?;
        other.load_strict(weights)?;
        let reference = losses(host, &config, lr, images, steps)?;
        let found = losses(other, &config, lr, images, steps)?;
        // A loss near 0 has no digits that could be compared.
        let share = |(&reference, &found): (&f64, &f64)| (found - reference).abs() / reference.max(1e-3);
        let shares: Vec<f64> = reference.iter().zip(&found).map(share).collect();
        let first = shares.len().min(FIRST_STEPS);
        let row = |check: &str, compared, difference, limit| Row {
            arch: architecture,
            check: format!("{check}-{name}"),
            precision: Some(precision),
            compared,
            difference,
            limit,
        };
        let early = worst(shares[..first].iter().copied());
        rows.push(row("losses", format!("losses of steps 1 to {first}"), early, 1e-3));
        rows.push(row("last-loss", format!("loss of step {steps}"), shares[shares.len() - 1], 5e-2));
    }
    Ok(rows)
}

/// Trains on one batch and returns the loss of each step, which is read from the device at the end.
fn losses(
    model: &Model,
    config: &OptimizerConfig,
    lr: f64,
    images: &Tensor,
    steps: u64,
) -> anyhow::Result<Vec<f64>> {
    let images = images.to_device(model.device());
    let outputs = model.spec().outputs as i64;
    let classes: Vec<i64> = (0..images.size()[0]).map(|image| image % outputs).collect();
    let targets = Tensor::from_slice(&classes).to_device(model.device());
    let mut optimizer = Optimizer::new(config, model.parameters().trainable());
    let step = |seed| {
        let loss = model.forward(&images, Mode::Train { seed }).cross_entropy_for_logits(&targets);
        optimizer.step(&loss, lr);
        loss.detach()
    };
    let losses: Vec<Tensor> = (1..=steps).map(step).collect();
    Ok(Vec::<f64>::try_from(Tensor::stack(&losses, 0).to_device(Device::Cpu).to_kind(Kind::Double))?)
}
