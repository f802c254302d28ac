//! `ff-models bench`: the speed of a training step or of a forward pass.

use std::time::Instant;

use clap::{Args, ValueEnum};
use ff_models::{Architecture, Mode, Model, Precision, Spec};
use ff_train::{Ema, MovingAverage, Optimizer, OptimizerConfig};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::memory::within_memory;
use crate::device::{DeviceChoice, warn_of_precision};
use crate::options::GLOBAL;

/// Outputs of the model that is measured.
const OUTPUTS: usize = 7;

/// Timed blocks on a GPU.
const BLOCKS: u64 = 3;

/// The step to measure.
#[derive(Args)]
pub struct Bench {
    /// Architecture, such as resnet50 or deit_base_patch16_224
    #[arg(long)]
    arch: Architecture,
    /// Images in each step
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i64).range(1..))]
    batch: i64,
    /// Side of the images, in pixels
    #[arg(long, alias = "px", value_name = "PX", default_value_t = 224)]
    image_size: u32,
    /// Precision: fp32, tf32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// Optimizer of the training step
    #[arg(long, value_enum, default_value = "adamw")]
    optimizer: Rule,
    /// Measure a forward pass without gradients in place of a training step
    #[arg(long, conflicts_with = "optimizer")]
    evaluate: bool,
    /// Keep a moving average of the weights in each training step
    #[arg(long, conflicts_with = "evaluate")]
    ema: bool,
    /// Timed steps: on a GPU in each of three blocks, of which the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    iters: u64,
    /// Steps before the timed ones [default: 20 on a GPU, 3 on the CPU]
    #[arg(long, value_name = "STEPS")]
    warmup: Option<u64>,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "cpu", help_heading = GLOBAL)]
    device: DeviceChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The optimizer of a step.
#[derive(Clone, Copy, ValueEnum)]
pub enum Rule {
    /// AdamW
    #[value(name = "adamw")]
    AdamW,
    /// SGD with momentum 0.9 and weight decay 1e-4
    Sgd,
}

impl Rule {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
        }
    }

    pub(super) fn config(self) -> OptimizerConfig {
        match self {
            Self::AdamW => OptimizerConfig::default(),
            Self::Sgd => OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 1e-4 },
        }
    }
}

pub(super) fn bench(options: &Bench) -> anyhow::Result<()> {
    let &Bench { arch: architecture, batch, image_size, precision, evaluate, .. } = options;
    let device = options.device.find()?;
    warn_of_precision(precision, device);
    let spec = Spec { image_size, precision, ..Spec::new(architecture, OUTPUTS) };
    let seconds = within_memory(batch, &spec, device, || measure(options, &spec, device))?;
    let (rate, milliseconds) = (batch as f64 / seconds, seconds * 1000.0);
    let optimizer = (!evaluate).then(|| options.optimizer.name());
    if options.json {
        return crate::output::print_json(
            &json!({"arch": architecture, "batch": batch, "image_size": image_size,
            "precision": precision, "device": format!("{device:?}"), "images_per_s": rate,
            "ms_per_step": milliseconds, "optimizer": optimizer, "ema": options.ema, "evaluate": evaluate}),
        );
    }
    let step = optimizer.unwrap_or("forward pass").to_owned() + if options.ema { " and ema" } else { "" };
    let of = if device.is_cuda() { "block" } else { "step" };
    crate::output::print(&format!(
        "{architecture}, batch {batch}, {image_size} px, {precision}, {step}: {rate:.2} images/s, \
         {milliseconds:.2} ms a step (median {of})\n"
    ))
}

/// Builds the model and returns the seconds of a step.
fn measure(options: &Bench, spec: &Spec, device: Device) -> anyhow::Result<f64> {
    let model = Model::new(spec, device, 0)?;
    let (batch, side) = (options.batch, i64::from(spec.image_size));
    let images = Tensor::randint(256, [batch, side, side, 3], (Kind::Uint8, device));
    if options.evaluate {
        let forward = |_: u64| tch::no_grad(|| drop(model.forward(&images, Mode::Eval)));
        return Ok(seconds_of_step(options, device, forward));
    }
    let targets = Tensor::randint(OUTPUTS as i64, [batch], (Kind::Int64, device));
    let mut optimizer = Optimizer::new(&options.optimizer.config(), model.parameters().trainable());
    let mut average = options.ema.then(|| MovingAverage::new(Ema::default(), &optimizer));
    let train = |seed| {
        let loss = model.forward(&images, Mode::Train { seed }).cross_entropy_for_logits(&targets);
        optimizer.step(&loss, 1e-4);
        if let Some(average) = &mut average {
            average.update(&optimizer);
        }
    };
    Ok(seconds_of_step(options, device, train))
}

/// Warms up, and returns the median seconds of a step, which is called with its number.
fn seconds_of_step(options: &Bench, device: Device, mut step: impl FnMut(u64)) -> f64 {
    let warmup = options.warmup.unwrap_or(if device.is_cuda() { 20 } else { 3 });
    (0..warmup).for_each(&mut step);
    match device {
        Device::Cuda(index) => {
            let wait = || tch::Cuda::synchronize(index as i64);
            median_of_blocks(BLOCKS, options.iters, step, wait)
        }
        _ => median_of_blocks(options.iters, 1, step, || {}),
    }
}

/// Times blocks of steps, each with one wait at its end, and returns the median seconds of a step.
/// Waiting for each step on a GPU would hide how far the host is ahead of it, as it is in training.
fn median_of_blocks(blocks: u64, steps: u64, mut step: impl FnMut(u64), wait: impl Fn()) -> f64 {
    wait();
    let mut seconds: Vec<f64> = (0..blocks)
        .map(|block| {
            let started = Instant::now();
            (block * steps..(block + 1) * steps).for_each(&mut step);
            wait();
            started.elapsed().as_secs_f64() / steps as f64
        })
        .collect();
    median(&mut seconds)
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn steps_are_queued_and_waited_for_once_a_block() {
        let (steps, waits) = (RefCell::new(Vec::new()), Cell::new(Vec::new()));
        let wait = || waits.set([waits.take(), vec![steps.borrow().len()]].concat());
        median_of_blocks(3, 4, |number| steps.borrow_mut().push(number), wait);
        assert_eq!(steps.into_inner(), (0..12).collect::<Vec<_>>());
        assert_eq!(waits.into_inner(), [0, 4, 8, 12]);
    }

    #[test]
    fn a_slow_block_does_not_count() {
        assert_eq!(median(&mut [0.002, 0.4, 0.003, 0.002, 0.003]), 0.003);
    }

    #[test]
    fn a_block_of_a_gpu_includes_the_wait() {
        let seconds = median_of_blocks(3, 2, |_| {}, || sleep(Duration::from_millis(20)));
        assert!(seconds >= 0.01, "{seconds}");
    }
}
