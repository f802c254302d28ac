//! `ff-models logits`: the logits of given input tensors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::{Architecture, Mode, Model, Precision, Spec};
use tch::Tensor;

use crate::device::DeviceChoice;
use crate::options::GLOBAL;

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

pub(super) fn logits(options: &Logits) -> anyhow::Result<()> {
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
