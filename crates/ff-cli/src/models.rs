//! Runs a backbone by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::{Architecture, Mode, Model, Precision, Spec};
use ff_train::{Optimizer, OptimizerConfig};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::device::{DeviceChoice, warn_of_precision};

/// Backbones under timm's names: their logits, their speed.
#[derive(Subcommand)]
pub enum Command {
    /// Compute logits of given inputs
    Logits(Logits),
    /// Measure a training step: forward, cross entropy, backward, AdamW
    Bench(Bench),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// Whatever is wrong, for people.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Logits(options) => logits(&options),
            Self::Bench(options) => bench(&options),
        }
    }
}

/// What computes logits, and of what.
#[derive(Args)]
pub struct Logits {
    /// Architecture, such as resnet50 or deit_base_patch16_224
    #[arg(long)]
    arch: Architecture,
    /// Its weights
    #[arg(long)]
    weights: PathBuf,
    /// safetensors with "input" f32 [N, 3, H, W], normalised
    #[arg(long)]
    input: PathBuf,
    /// safetensors to write, with "logits" f32 [N, C]
    #[arg(long)]
    output: PathBuf,
    /// fp32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

fn logits(options: &Logits) -> anyhow::Result<()> {
    let Logits { weights: path, input, output, .. } = options;
    let &Logits { arch: architecture, precision, .. } = options;
    let file = StateDict::open(input)?;
    let images =
        file.get("input").with_context(|| format!("{}: it has no tensor `input`", input.display()))?;
    let &[count, 3, height, width] = images.shape else {
        bail!("{}: `input`: expected shape [N, 3, H, W], found {:?}", input.display(), images.shape);
    };
    if height != width {
        bail!("{}: `input`: expected square images, found {height} × {width}", input.display());
    }
    let values = images.to_f32().with_context(|| format!("{}: `input`: expected floats", input.display()))?;
    let weights = StateDict::open(path)?;
    let outputs = architecture.outputs_of(&weights).with_context(|| {
        let classifier = architecture.classifier;
        format!(
            "{}: it has no tensor `{classifier}.weight`: are these {architecture}'s weights?",
            path.display()
        )
    })?;
    let device = options.device.find()?;
    let mut model =
        Model::new(&Spec { architecture, outputs, image_size: width as u32, precision }, device, 0)?;
    model.load(&weights)?;
    let shape = [count, 3, height, width].map(|size| size as i64);
    let logits = tch::no_grad(|| {
        let input = Tensor::from_slice(&values).view(shape).to_device(device);
        model.logits(&input, Mode::Eval).to_device(tch::Device::Cpu).reshape([-1])
    });
    let tensor = OwnedTensor::f32([count, outputs], &Vec::<f32>::try_from(logits)?);
    StateDict::from_tensors(BTreeMap::from([("logits".to_owned(), tensor)])).save(output, None)?;
    Ok(())
}

/// Which step is measured.
#[derive(Args)]
pub struct Bench {
    /// Architecture
    #[arg(long)]
    arch: Architecture,
    /// Images in a step
    #[arg(long, default_value_t = 16)]
    batch: i64,
    /// Side of the images
    #[arg(long, alias = "px", default_value_t = 224)]
    image_size: u32,
    /// fp32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// Counted steps, after a few that are not
    #[arg(long, default_value_t = 5)]
    iters: usize,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn bench(options: &Bench) -> anyhow::Result<()> {
    let &Bench { arch: architecture, batch, image_size, precision, iters, device, json: as_json } = options;
    let device = device.find()?;
    warn_of_precision(precision, device);
    let model = Model::new(&Spec { architecture, outputs: 7, image_size, precision }, device, 0)?;
    let config = OptimizerConfig::AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 };
    let mut optimizer = Optimizer::new(&config, model.parameters().trainable());
    let side = i64::from(image_size);
    let images = Tensor::randint(256, [batch, side, side, 3], (Kind::Uint8, device));
    let targets = Tensor::randint(7, [batch], (Kind::Int64, device));
    let mut step = |seed| {
        let started = Instant::now();
        let loss = model.forward(&images, Mode::Train { seed }).cross_entropy_for_logits(&targets);
        optimizer.step(&loss, 1e-4);
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        started.elapsed().as_secs_f64()
    };
    let warmups = if device.is_cuda() { 20 } else { 3 };
    (0..warmups).for_each(|warmup| {
        step(warmup);
    });
    let mut seconds: Vec<f64> = (0..iters.max(1) as u64).map(step).collect();
    seconds.sort_by(f64::total_cmp);
    let rate = batch as f64 / seconds[seconds.len() / 2];
    if as_json {
        return crate::output::print_json(&json!({"arch": architecture, "batch": batch, "px": image_size,
            "precision": precision, "device": format!("{device:?}"), "images_per_s": rate}));
    }
    crate::output::print(&format!(
        "{architecture}, batch {batch}, {image_size} px, {precision}: {rate:.2} images/s (median step)\n"
    ))
}
