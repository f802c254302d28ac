//! `ff-data`: inspect, download and preprocess image datasets.

use std::process::ExitCode;

use ff_cli::data::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-data");
    ff_cli::main(&common, || command.run())
}
