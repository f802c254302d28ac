//! `ff-models`: logits and training speed of a backbone.

use std::process::ExitCode;

use ff_cli::models::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-models");
    ff_cli::main(&common, || command.run())
}
