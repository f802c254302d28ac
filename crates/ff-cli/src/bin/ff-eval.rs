//! Scores predictions.

use std::process::ExitCode;

use clap::Parser;
use ff_cli::Common;
use ff_cli::eval::Command;

/// Logits and targets in, metrics with 95 % intervals out.
#[derive(Parser)]
#[command(name = "ff-eval", version)]
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
