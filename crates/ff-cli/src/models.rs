//! The commands of `ff-models`: logits and training speed of a backbone.

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
use crate::options::GLOBAL;

/// Compute logits of a ResNet, DeiT or VGG, and measure its training speed.
#[derive(Subcommand)]
pub enum Command {
    /// Compute the logits of given input tensors
    #[command(after_help = "Examples:
  ff-models logits --arch resnet50 --weights w.safetensors --input x.safetensors \\
    --output y.safetensors")]
    Logits(Logits),
    /// Measure a training step: forward, cross-entropy, backward, AdamW
    #[command(after_help = "Examples:
  ff-models bench --arch resnet50 --batch 64 --device cuda:0")]
    Bench(Bench),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Logits(options) => logits(&options),
            Self::Bench(options) => bench(&options),
        }
    }
}

/// A network with its weights, and input tensors.
#[derive(Args)]
pub struct Logits {
    /// Architecture, such as resnet50 or deit_base_patch16_224
    #[arg(long)]
    arch: Architecture,
    /// Weights of the network (safetensors)
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Normalised images: safetensors with `input`, f32 [N, 3, H, W], H = W
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// File to write: safetensors with `logits`, f32 [N, C]
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Precision: fp32, tf32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "cpu", help_heading = GLOBAL)]
    device: DeviceChoice,
}

fn logits(options: &Logits) -> anyhow::Result<()> {
    let Logits { weights: path, input, output, .. } = options;
    let &Logits { arch: architecture, precision, .. } = options;
    let file = StateDict::open(input)?;
    let images = file.get("input").with_context(|| format!("{}: no tensor `input`", input.display()))?;
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
            "{}: expected weights of {architecture}, found no tensor `{classifier}.weight`",
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

/// The training step to measure.
#[derive(Args)]
pub struct Bench {
    /// Architecture, such as resnet50 or deit_base_patch16_224
    #[arg(long)]
    arch: Architecture,
    /// Images in each step
    #[arg(long, default_value_t = 16)]
    batch: i64,
    /// Side of the images, in pixels
    #[arg(long, alias = "px", value_name = "PX", default_value_t = 224)]
    image_size: u32,
    /// Precision: fp32, tf32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// Timed steps, after a few warm-up steps
    #[arg(long, default_value_t = 5)]
    iters: usize,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "cpu", help_heading = GLOBAL)]
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
    let config = OptimizerConfig::default();
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
        return crate::output::print_json(
            &json!({"arch": architecture, "batch": batch, "image_size": image_size,
            "precision": precision, "device": format!("{device:?}"), "images_per_s": rate}),
        );
    }
    crate::output::print(&format!(
        "{architecture}, batch {batch}, {image_size} px, {precision}: {rate:.2} images/s (median step)\n"
    ))
}
