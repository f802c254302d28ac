//! `ff-inmerge`: in-model merging on files of weights.

use std::process::ExitCode;

use ff_cli::inmerge::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-inmerge");
    ff_cli::main(&common, || command.run())
}
