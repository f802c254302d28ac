//! `ff-models`: the architectures, what a file of weights is, logits and speed of a backbone, and a
//! device's arithmetic.

use std::process::ExitCode;

use ff_cli::models::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-models");
    ff_cli::main(&common, || command.run())
}
