//! This program in the place of rustdoc: where cargo runs doc tests, the docs are written and checked first.
//!
//! `cargo doc` would have every dependency compiled once more, since its libraries are not those of a build.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Names the rustdoc that stands behind this program.
const REAL: &str = "FF_XTASK_RUSTDOC";

/// A `cargo test --doc` that also writes the docs, with warnings as errors; `own` is this program.
pub fn documenting(own: &Path, mut cargo: Command) -> Command {
    let real = Path::new(cargo.get_program()).with_file_name("rustdoc");
    let real = if real.is_file() { real } else { "rustdoc".into() };
    cargo.env("RUSTDOC", own).env(REAL, real);
    cargo
}

/// Does what cargo asks rustdoc to do, if this program was started in its place.
pub fn instead() -> Option<ExitCode> {
    let real = std::env::var_os(REAL)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let succeeds = |arguments: &[OsString]| {
        Command::new(&real).args(arguments).status().is_ok_and(|status| status.success())
    };
    let tests = arguments.iter().any(|argument| argument == "--test");
    let done = (!tests || succeeds(&for_docs(&arguments))) && succeeds(&arguments);
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The arguments that test a library's docs, made to write them.
fn for_docs(arguments: &[OsString]) -> Vec<OsString> {
    let mut docs: Vec<OsString> = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--test") => {}
            Some("--test-run-directory" | "--test-args" | "--test-runtool" | "--test-runtool-arg") => {
                arguments.next();
            }
            _ => docs.push(argument.clone()),
        }
    }
    docs.extend(["--out-dir", "target/doc", "-D", "warnings"].map(OsString::from));
    docs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_for_tests_is_left_out() {
        let arguments =
            ["--crate-name", "x", "--test", "src/lib.rs", "--test-run-directory", "/x", "-L", "y"];
        let docs = for_docs(&arguments.map(OsString::from));
        let expected =
            ["--crate-name", "x", "src/lib.rs", "-L", "y", "--out-dir", "target/doc", "-D", "warnings"];
        assert_eq!(docs, expected.map(OsString::from));
    }
}
