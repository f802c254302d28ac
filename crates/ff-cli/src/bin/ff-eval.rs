//! `ff-eval`: metrics of predictions.

use std::process::ExitCode;

use ff_cli::eval::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-eval");
    ff_cli::main(&common, || command.run())
}
