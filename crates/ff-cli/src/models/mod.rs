//! The commands of `ff-models`: the architectures, what a file of weights is, logits and speed of a
//! backbone, and a device's arithmetic.

mod bench;
mod check;
mod info;
mod list;
mod logits;
mod memory;

use clap::Subcommand;

pub use bench::Bench;
pub use check::Check;
pub use info::Info;
pub use list::List;
pub use logits::Logits;

/// List architectures, say what a file of weights is, compute logits, measure speed.
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
            Self::Logits(options) => logits::logits(&options),
            Self::Bench(options) => bench::bench(&options),
            Self::Check(options) => check::check(&options),
        }
    }
}
