//! `ff-models bench`: the speed of a training step or of a forward pass.

use clap::{Args, ValueEnum};
use ff_models::{Architecture, Precision, Spec};
use ff_train::OptimizerConfig;
use serde_json::json;
use tch::Device;

use super::memory::within_memory;
use super::step::{BLOCKS, Work, median_of_blocks, step, wait};
use crate::device::{DeviceChoice, warn_of_precision};
use crate::options::GLOBAL;

/// Outputs of the model that is measured.
const OUTPUTS: usize = 7;

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

/// Builds the model, warms up, and returns the median seconds of a step.
fn measure(options: &Bench, spec: &Spec, device: Device) -> anyhow::Result<f64> {
    let work = match options.evaluate {
        true => Work::Evaluate,
        false => Work::Train { optimizer: options.optimizer.config(), ema: options.ema },
    };
    let mut step = step(spec, options.batch, &work, device)?;
    let warmup = options.warmup.unwrap_or(if device.is_cuda() { 20 } else { 3 });
    (0..warmup).for_each(&mut step);
    let (blocks, steps) = if device.is_cuda() { (BLOCKS, options.iters) } else { (options.iters, 1) };
    Ok(median_of_blocks(blocks, steps, step, || wait(device)))
}
