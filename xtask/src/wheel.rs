//! `wheel`: the programs as a Python wheel, so that pip installs them without Rust.
//!
//! The wheel has no libtorch. It requires PyTorch, and the programs use the libraries of the one
//! that is installed beside them: with CUDA if that has it. A run path finds them, not a Python
//! script that sets `LD_LIBRARY_PATH`: starting Python would take longer than most commands, and
//! the variable would reach the programs that these start, such as other Pythons.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::setup;
use crate::workspace::Workspace;

/// The version that `pyproject.toml` requires.
const MATURIN: &str = "1.16.0";

/// The Pythons for which there is a PyTorch 2.11, by the names of their folders in `lib`.
const PYTHONS: [&str; 7] =
    ["python3.10", "python3.11", "python3.12", "python3.13", "python3.13t", "python3.14", "python3.14t"];

/// Where to put the wheel.
#[derive(Args)]
pub struct Options {
    /// Folder for the wheel [default: target/wheels]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Builds the programs and packs them, and prints the file of the wheel.
///
/// pip downloads maturin once, into `target`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let output = options.output.clone().unwrap_or_else(|| workspace.root().join("target/wheels"));
    let output = std::path::absolute(output).context("--output")?;
    setup::ensure(workspace, false)?;
    let mut build = workspace.command(maturin(workspace.root())?);
    build.args(["build", "--release", "--locked", "--manifest-path", "crates/ff-cli/Cargo.toml"]);
    // The programs of `cargo build` look for libtorch elsewhere, so they are not replaced.
    build.args(["--target-dir", "target/wheel", "--out"]).arg(output);
    build.current_dir(workspace.root()).env("FF_RPATH", run_path());
    if !build.status().context("maturin could not be started")?.success() {
        bail!("the wheel could not be built; maturin's own message is above");
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns where a program looks for libtorch: in the packages of each Python, seen from the
/// folder of scripts of a virtual environment, of conda's, of `/usr/local` or of `~/.local`. Debian
/// calls the packages of `/usr/local` otherwise, and Fedora has libraries in `lib64`.
fn run_path() -> String {
    let folders = ["lib/PYTHON/site-packages", "lib/PYTHON/dist-packages", "lib64/PYTHON/site-packages"];
    let path = |folder: &str, python| format!("$ORIGIN/../{}/torch/lib", folder.replace("PYTHON", python));
    let paths: Vec<_> =
        folders.iter().flat_map(|folder| PYTHONS.map(|python| path(folder, python))).collect();
    paths.join(":")
}

/// Returns the program maturin, and installs it first if it is missing.
fn maturin(root: &Path) -> Result<PathBuf> {
    let folder = root.join(format!("target/maturin-{MATURIN}"));
    let program = folder.join("bin/maturin");
    if !program.is_file() {
        let python = setup::python();
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--upgrade",
        ]);
        pip.arg("--target").arg(&folder).arg(format!("maturin=={MATURIN}"));
        pip.env("PIP_REQUIRE_VIRTUALENV", "0");
        let status =
            pip.status().with_context(|| format!("`{}` could not be started", python.to_string_lossy()))?;
        if !status.success() || !program.is_file() {
            bail!(
                "pip could not install maturin {MATURIN} into {} ({status}); its own message is above\n\
                 hint: check that `{} -m pip --version` works and that the Python package index can be reached",
                folder.display(),
                python.to_string_lossy()
            );
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests;
