//! Merges similar kernels of a file of weights, and says how similar they are.

use std::process::ExitCode;

use clap::Parser;
use ff_cli::Common;
use ff_cli::inmerge::Command;

/// In-model merging (InMerge) on files of weights: similar kernels of a network's deep convolutions are merged.
///
/// In training it is a setting: `[inmerge]` in a recipe of `ff-train finetune` or in a configuration of `ff-grid`.
#[derive(Parser)]
#[command(name = "ff-inmerge", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let Cli { command, common } = Cli::parse();
    ff_cli::main(&common, || command.run())
}
