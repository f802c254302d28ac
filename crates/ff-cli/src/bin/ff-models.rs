//! Runs a backbone by itself.

use std::process::ExitCode;

use clap::Parser;
use ff_cli::Common;
use ff_cli::models::Command;

/// Backbones under timm's names: their logits, their speed.
#[derive(Parser)]
#[command(name = "ff-models", version)]
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
