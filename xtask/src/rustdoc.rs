//! A wrapper of rustdoc: when cargo runs doc tests, this program first writes and checks the docs.
//!
//! `cargo doc` would compile every dependency once more, since it does not use the libraries of a
//! build.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Environment variable with the path of the real rustdoc.
const REAL: &str = "FF_XTASK_RUSTDOC";

/// Makes a `cargo test --doc` write the docs too, with warnings as errors; `own` is this program.
pub fn documenting(own: &Path, mut cargo: Command) -> Command {
    let real = Path::new(cargo.get_program()).with_file_name("rustdoc");
    let real = if real.is_file() { real } else { "rustdoc".into() };
    cargo.env("RUSTDOC", own).env(REAL, real);
    cargo
}

/// Runs rustdoc for cargo, if cargo started this program as rustdoc.
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

/// Returns the arguments that write a library's docs, made from those that test them.
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
    let doc = target(&docs).join("doc").into();
    docs.extend(["--out-dir".into(), doc, "-D".into(), "warnings".into()]);
    docs
}

/// Returns the target folder, above that of the libraries that cargo names
/// (`-L dependency=target/debug/deps`).
fn target(arguments: &[OsString]) -> &Path {
    let deps = arguments.iter().find_map(|argument| argument.to_str()?.strip_prefix("dependency="));
    deps.and_then(|deps| Path::new(deps).ancestors().nth(2)).unwrap_or(Path::new("target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_for_tests_only_are_removed() {
        let arguments = [
            "--crate-name",
            "x",
            "--test",
            "x.rs",
            "--test-run-directory",
            "/x",
            "-L",
            "dependency=t/debug/deps",
        ];
        let docs = for_docs(&arguments.map(OsString::from));
        let expected =
            "--crate-name x x.rs -L dependency=t/debug/deps --out-dir t/doc -D warnings".split(' ');
        assert_eq!(docs, expected.map(OsString::from).collect::<Vec<_>>());
    }
}
