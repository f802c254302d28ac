//! The commands of `ff-models`: the architectures, what a file of weights is, logits and speed of a
//! backbone, and a device's arithmetic.

mod bench;
mod calibrate;
mod check;
mod explain;
mod export;
mod info;
mod list;
mod logits;
pub(crate) mod memory;
mod model_option;
mod predict;
pub(crate) mod step;

use clap::Subcommand;

pub use bench::Bench;
pub use calibrate::Calibrate;
pub use check::Check;
pub use explain::Explain;
pub use export::Export;
pub use info::Info;
pub use list::List;
pub use logits::Logits;
pub use predict::Predict;

use crate::hub::push::{Push, push};

/// Predict images with a trained model, explain and export it, say what a file of weights is.
#[derive(Subcommand)]
pub enum Command {
    /// List the architectures: image sizes, weights, multiply-adds, published weights
    #[command(after_help = "Examples:
  ff-models list
  ff-models list --json")]
    List(List),
    /// Say what files of weights are: form, network, classes, image size, provenance
    #[command(after_help = "Exit code 1: a file cannot be read, or is damaged.

Examples:
  ff-models info model.pth
  ff-models info --json runs/tables/demo/soup.safetensors")]
    Info(Info),
    /// Predict images with a trained model: class probabilities as CSV or JSON lines
    #[command(after_help = "The same command resumes an interrupted one: it appends to FILE.*.partial.
Images that cannot be read have a row that says why, and the exit code is 0; it is 1 if none can be
read, and after an interruption.

Examples:
  ff-models predict --model soup.safetensors --images folder --output predictions.csv
  ff-models predict --model timm/ --images list.csv --output predictions.jsonl
  ff-models predict --model soup.safetensors --labels other/labels.csv --by sex,age \\
    --output external.csv")]
    Predict(Predict),
    /// Show which places of an image a prediction is made from (Grad-CAM), as PNG
    #[command(
        after_help = "For ResNets and VGGs. The map of a 224 px image has 7 × 7 places: it shows regions, not edges.

Examples:
  ff-models explain --model soup.safetensors --images lesion.jpg --output explained
  ff-models explain --model soup.safetensors --images folder --class malignant --output explained"
    )]
    Explain(Explain),
    /// Write a trained model as an ONNX file, with normalisation and calibration inside
    #[command(after_help = "Examples:
  ff-models export --model soup.safetensors --output soup.onnx")]
    Export(Export),
    /// Calibrate a trained model and choose thresholds on validation predictions
    #[command(after_help = "Examples:
  ff-train predict --checkpoint soup.safetensors --dataset folder --root images --split val \\
    --output val.safetensors
  ff-models calibrate --model soup.safetensors --predictions val.safetensors \\
    --operating-point sensitivity=0.95 --of malignant --output calibrated.safetensors")]
    Calibrate(Calibrate),
    /// Upload a model and its card to the Hugging Face hub
    #[command(after_help = "Examples:
  ff-models push runs/tables/demo --repo OWNER/NAME --private
  ff-models push runs/tables/demo --repo OWNER/NAME --dry-run")]
    Push(Push),
    /// Compute the logits of given input tensors
    #[command(after_help = "Examples:
  ff-models logits --arch resnet50 --weights w.safetensors --input x.safetensors \\
    --output y.safetensors")]
    Logits(Logits),
    /// Measure a training step, or a forward pass with --evaluate
    #[command(after_help = "Examples:
  ff-models bench --arch resnet50 --batch 64 --device cuda:0")]
    Bench(Bench),
    /// Compare a device's arithmetic with the CPU's
    #[command(after_help = "Logits, training, dropout masks and in-model merging start from equal weights.
Exit code 1: a difference is over its limit.

Examples:
  ff-models check --device cuda:0
  ff-models check --arch resnet50 --precision tf32 --json")]
    Check(Check),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(options) => list::list(&options),
            Self::Info(options) => info::info(&options),
            Self::Predict(options) => predict::predict(&options),
            Self::Explain(options) => explain::explain(&options),
            Self::Export(options) => export::export(&options),
            Self::Calibrate(options) => calibrate::calibrate(&options),
            Self::Push(options) => push(&options),
            Self::Logits(options) => logits::logits(&options),
            Self::Bench(options) => bench::bench(&options),
            Self::Check(options) => check::check(&options),
        }
    }
}
