//! Looks at datasets, augmentation and the loader.

use std::process::ExitCode;

use clap::Parser;
use ff_cli::Common;
use ff_cli::data::Command;

/// Images on disk: what a dataset holds, what augmentation makes of it, how fast it loads.
#[derive(Parser)]
#[command(name = "ff-data", version)]
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
