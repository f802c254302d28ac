//! `cargo xtask test`: every check that a change must pass, the cheapest first.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::workspace::Workspace;

/// Runs every check and stops at the first that fails.
///
/// Everything is compiled once: clippy is the compiler of the tests, and the doc tests' run of
/// rustdoc, over the same libraries, checks the docs too. The tests come last, so the output ends
/// with the test runner's own count.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    // The build below replaces this program's file.
    let own = std::env::current_exe().context("the path of this program cannot be found")?;
    let mut passed = vec![step("format", cargo(workspace, &["fmt", "--all", "--check"]))?];
    let mut check = |name: &'static str, command: Command| -> Result<()> {
        passed.push(step(name, command)?);
        Ok(())
    };
    if succeeds(workspace, &["deny", "--version"]) {
        check("dependencies", cargo(workspace, &["deny", "check", "bans", "licenses", "sources"]))?;
        // The database of vulnerabilities is on a server of its own, which not every machine can
        // reach.
        match succeeds(workspace, &["deny", "fetch", "db"]) {
            true => {
                check("advisories", cargo(workspace, &["deny", "check", "--disable-fetch", "advisories"]))?;
            }
            false => eprintln!("\n== advisories: skipped, since their database cannot be fetched"),
        }
    } else {
        eprintln!("\n== dependencies: skipped, since cargo-deny is not installed");
    }
    setup::ensure(workspace, false)?;
    check(
        "build and lints",
        linting(cargo(workspace, &["test", "--workspace", "--all-targets", "--no-run"])),
    )?;
    let documenting =
        crate::rustdoc::documenting(&own, linting(cargo(workspace, &["test", "--doc", "--workspace"])));
    check("docs and doc tests", documenting)?;
    eprintln!("\npassed: {}; running the tests", passed.join(", "));

    if succeeds(workspace, &["nextest", "--version"]) {
        // Three threads per core, since many tests wait for a cluster, a disk or another process.
        // In the profile `ci` a test that computes takes two of them.
        let threads = (3 * std::thread::available_parallelism().map_or(1, usize::from)).to_string();
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast", "--profile", "ci"];
        let arguments = [&arguments[..], &["--test-threads", &threads]].concat();
        step("tests", linting(cargo(workspace, &arguments)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
    counted_tests(linting(cargo(workspace, &arguments)))
}

/// Runs the checks before a commit: format, lints, every crate's unit tests, and the structure of
/// the crates.
pub fn quick(workspace: &Workspace) -> Result<ExitCode> {
    let mut passed = vec![step("format", cargo(workspace, &["fmt", "--all", "--check"]))?];
    setup::ensure(workspace, false)?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    passed.push(step("lints", cargo(workspace, &lints))?);
    let units = ["test", "--workspace", "--lib", "--bins", "--quiet"];
    passed.push(step("unit tests", cargo(workspace, &units))?);
    let structure = ["test", "--package", "xtask", "--test", "edges", "--quiet"];
    passed.push(step("structure", cargo(workspace, &structure))?);
    eprintln!("\npassed: {}", passed.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// Makes clippy, which also compiles, the compiler of this workspace's crates in a cargo command;
/// `cargo clippy` would compile every dependency a second time. Warnings are errors.
fn linting(mut cargo: Command) -> Command {
    let driver = std::path::Path::new(cargo.get_program()).with_file_name("clippy-driver");
    let driver = if driver.is_file() { driver } else { "clippy-driver".into() };
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", driver)
        .env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
    cargo
}

/// Runs the crash tests one after another and shows their output.
pub fn crash(workspace: &Workspace, kills: u32) -> Result<ExitCode> {
    setup::ensure(workspace, false)?;
    let tests = ["test", "-p", "ff-cli", "--test", "end_to_end", "crash::", "--"];
    let mut command = cargo(workspace, &[&tests[..], &["--nocapture", "--test-threads=1"]].concat());
    command.env("FF_KILLS", kills.to_string());
    step("crash test", command)?;
    Ok(ExitCode::SUCCESS)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(arguments).current_dir(workspace.root()).env("RUSTDOCFLAGS", "-D warnings");
    // Several tests share the cores. With active waiting, libtorch's threads would spin on them
    // while they wait for each other.
    cargo.env("OMP_WAIT_POLICY", "passive");
    cargo
}

/// Runs one check and returns its name with the time it took.
fn step(name: &str, mut command: Command) -> Result<String> {
    eprintln!("\n== {name}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("{name}: cargo could not be started"))?;
    if !status.success() {
        bail!("{name} failed ({status}): {}", shown(&command));
    }
    Ok(format!("{name} ({:.0} s)", start.elapsed().as_secs_f64()))
}

/// Returns the command as typed in a shell.
fn shown(command: &Command) -> String {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    format!("cargo {}", arguments.join(" "))
}

/// Returns whether a cargo command succeeds. Its output is not shown.
fn succeeds(workspace: &Workspace, arguments: &[&str]) -> bool {
    let mut command = cargo(workspace, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs `cargo test`, which counts the tests of each binary, and prints the total at the end.
fn counted_tests(mut command: Command) -> Result<ExitCode> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("tests: cargo could not be started")?;
    let output = child.stdout.take().context("tests: cargo has no output")?;
    let mut total = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("tests: cargo's output could not be read")?;
        println!("{line}");
        if let Some(count) = Count::parse(&line) {
            total.add(&count);
        }
    }
    let status = child.wait().context("tests: cargo's exit status could not be read")?;
    if !status.success() {
        eprintln!("error: tests failed ({status}): {}", shown(&command));
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Test counts of a test binary, from its last line.
#[derive(Debug, Default, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    /// Parses `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; `None` for any other line.
    fn parse(line: &str) -> Option<Count> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let of = |what: &str| {
            let part = counts.split("; ").find_map(|part| part.strip_suffix(what))?;
            part.trim().parse().ok()
        };
        Some(Count { passed: of("passed")?, failed: of("failed")?, skipped: of("ignored")? })
    }

    fn add(&mut self, other: &Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.05s";
        assert_eq!(Count::parse(line), Some(Count { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(Count::parse("test result_is_kept ... ok"), None);
        assert_eq!(Count::parse("running 3 tests"), None);
    }
}
