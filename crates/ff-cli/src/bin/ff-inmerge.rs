//! Merges similar kernels of a file of weights, and says how similar they are.

use std::process::ExitCode;

use ff_cli::inmerge::Command;

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-inmerge");
    ff_cli::main(&common, || command.run())
}
