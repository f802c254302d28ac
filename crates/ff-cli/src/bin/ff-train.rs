//! One run of training, and predictions.

use std::process::ExitCode;

use clap::Subcommand;
use ff_cli::{PredictOptions, TrainOptions, predict, train};
use ff_grid::RunKind;

/// Trains one model from a recipe, or lets a trained one predict.
///
/// A run leaves in RUNS/NAME: kept.safetensors (the best epoch's weights) and kept.val.safetensors
/// (its validation predictions), or an FGG run's snapshots in their place; history.jsonl,
/// recipe.toml and record.json. Started again, it goes on where it stopped.
#[derive(Subcommand)]
enum Command {
    /// Train a whole network on a source domain
    Pretrain(TrainOptions),
    /// Linear probe: train the last layer only
    #[command(visible_alias = "lp")]
    Probe(TrainOptions),
    /// Full fine-tuning
    Finetune(TrainOptions),
    /// Fast Geometric Generation: a cyclic learning rate that drops off a model at each minimum
    Fgg(TrainOptions),
    /// Write the logits of a trained model for a split
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
