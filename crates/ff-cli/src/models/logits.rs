//! `ff-models logits`: the logits of given input tensors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use ff_checkpoint::{OwnedTensor, StateDict};
use ff_models::{Loaded, Mode, Model, Precision, Spec};
use tch::Tensor;

use crate::arch::ArchOption;
use crate::device::DeviceChoice;
use crate::options::GLOBAL;
use crate::output::say;

/// A network with its weights, and input tensors.
#[derive(Args)]
pub struct Logits {
    #[command(flatten)]
    arch: ArchOption,
    /// Weights of the network: a file, or a folder that holds one
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
    let &Logits { arch, precision, .. } = options;
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
    let (architecture, classes) = arch.of(path)?;
    let found = architecture.outputs_of(&weights);
    if let (Some(expected), Some(found)) = (classes, found)
        && expected != found
    {
        bail!(
            "{}: expected {expected} classes, as config.json beside it says, found {found}\n\
             hint: the two are of different models: get both from one place",
            path.display()
        );
    }
    let outputs = found.unwrap_or(1);
    let device = options.device.find()?;
    let mut model = Model::new(
        &Spec { image_size: width as u32, precision, ..Spec::new(architecture, outputs) },
        device,
        0,
    )?;
    let loaded = model.load(&weights)?;
    if loaded.replaced_classifier.is_some() {
        let beside = match loaded.left_out.as_slice() {
            [] => String::new(),
            [first, ..] => format!("; `{first}` is not the model's"),
        };
        bail!(
            "{}: expected a classifier, found no tensor `{}.weight` of {architecture}{beside}\n\
             hint: use weights with a classifier, or train one: \
             `ff-train probe` with model.weights={}",
            path.display(),
            architecture.classifier,
            path.display()
        );
    }
    if loaded != Loaded::default() {
        say(&format!("note: {}: {loaded}", path.display()));
    }
    let shape = [count, 3, height, width].map(|size| size as i64);
    let logits = tch::no_grad(|| {
        let input = Tensor::from_slice(&values).view(shape).to_device(device);
        model.logits(&input, Mode::Eval).to_device(tch::Device::Cpu).reshape([-1])
    });
    let tensor = OwnedTensor::f32([count, outputs], &Vec::<f32>::try_from(logits)?);
    StateDict::from_tensors(BTreeMap::from([("logits".to_owned(), tensor)])).save(output, None)?;
    Ok(())
}
