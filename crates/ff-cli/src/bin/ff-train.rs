//! `ff-train`: one run of training, and predictions.

use std::process::ExitCode;

use clap::Subcommand;
use ff_cli::{PredictOptions, TrainOptions, predict, train};
use ff_grid::RunKind;

/// Train one image classifier from a recipe, or predict with a trained one.
///
/// A run writes to RUNS/NAME: kept.safetensors, the weights of the best epoch, and
/// kept.val.safetensors, their validation predictions (an FGG run: its snapshots instead);
/// history.jsonl, recipe.toml and record.json. An interrupted run resumes when the same command
/// runs again.
#[derive(Subcommand)]
enum Command {
    /// Pretrain a network on a source dataset
    #[command(after_help = "Examples:
  ff-train pretrain --config configs/examples/pretrain-cifar10.toml --data-root data/cifar10")]
    Pretrain(TrainOptions),
    /// Train a linear probe: the last layer only
    #[command(
        visible_alias = "lp",
        after_help = "Examples:
  ff-train probe --config probe.toml --data-root data"
    )]
    Probe(TrainOptions),
    /// Fine-tune all layers of a network
    #[command(after_help = "Examples:
  ff-train finetune --config finetune.toml --data-root data
  ff-train finetune --config finetune.toml --set name=lr-1e-4 --set train.schedule.lr=1e-4")]
    Finetune(TrainOptions),
    /// Run Fast Geometric Generation: cyclic learning rate, snapshot at each minimum
    #[command(after_help = "Examples:
  ff-train fgg --config fgg.toml --set model.weights=runs/finetune/kept.safetensors")]
    Fgg(TrainOptions),
    /// Write the logits of a trained model on a split
    #[command(after_help = "Examples:
  ff-train predict --checkpoint runs/finetune/kept.safetensors --dataset folder --root data/cells \\
    --split test --output test.safetensors")]
    Predict(PredictOptions),
}

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-train");
    ff_cli::main(&common, || match &command {
        Command::Pretrain(options) => train(RunKind::Pretrain, options),
        Command::Probe(options) => train(RunKind::Probe, options),
        Command::Finetune(options) => train(RunKind::Finetune, options),
        Command::Fgg(options) => train(RunKind::Fgg, options),
        Command::Predict(options) => predict(options),
    })
}
