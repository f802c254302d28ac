//! `cargo xtask`: setup of libtorch, the papers' tables and figures, benchmarks and checks.
//!
//! It builds without libtorch, since it is the program that installs it.

mod bench;
mod checks;
mod evidence;
mod files;
mod gpu_kit;
mod reproduce;
mod rustdoc;
mod setup;
mod wheel;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// Set up libtorch, reproduce the papers' tables and figures, and run every check
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Example:\n  cargo xtask reproduce-table1"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download libtorch 2.11.0 and link `.libtorch` to it
    ///
    /// pip downloads the libraries from the Python package index and checks each file's SHA-256.
    /// If LIBTORCH is set, that libtorch is checked and linked instead, and nothing is downloaded.
    /// Every other command does the setup too if libtorch is missing.
    #[command(after_help = "Example:\n  cargo xtask setup --cuda")]
    Setup {
        /// Install the CUDA libraries instead of the CPU ones (several GB)
        #[arg(long)]
        cuda: bool,
    },
    /// Measure the speed of loader, training step and averaging against other software
    #[command(after_help = "Example:\n  cargo xtask bench --images data/images --peers peers --rounds 3")]
    Bench(bench::Options),
    /// Pack a folder that proves and measures the GPU path on a machine with a card
    ///
    /// The folder runs there with bash, and with Python for the comparison with PyTorch: `run.sh
    /// all`. With --read, its results become docs/measurements/gpu.md.
    #[command(after_help = "Examples:\n  cargo xtask gpu-kit --output kit\n  cargo xtask gpu-kit --read kit")]
    GpuKit(gpu_kit::Options),
    /// Measure on real images what souping and in-model merging gain
    #[command(after_help = "Example:\n  cargo xtask evidence --data images")]
    Evidence(evidence::Options),
    /// Build a Python wheel of the programs, for machines without Rust
    ///
    /// The wheel requires PyTorch 2.11 and uses its libraries, with CUDA if it has that. pip
    /// downloads maturin, which packs it.
    #[command(after_help = "Example:\n  cargo xtask wheel --output dist")]
    Wheel(wheel::Options),
    /// Run the checks before a commit: format, lints, unit tests and crate structure
    #[command(after_help = "Example:\n  cargo xtask check")]
    Check,
    /// Run every check: format, dependencies, lints, docs and all tests
    #[command(after_help = "Example:\n  cargo xtask test")]
    Test,
    /// Kill and stop a small grid, and compare its results with an undisturbed run's
    ///
    /// The grid has every kind of job and runs in several processes at once. Results are compared
    /// bit by bit.
    #[command(after_help = "Example:\n  cargo xtask crash-test --kills 50")]
    CrashTest {
        /// Number of kills; `cargo xtask test` does 20
        #[arg(long, default_value_t = 200)]
        kills: u32,
    },
    /// Run Table 1 of the FissionFusion paper
    ///
    /// Builds the programs in release mode and runs `ff-grid run`.
    #[command(
        after_help = "Example:\n  cargo xtask reproduce-table1 --config configs/table1/paper.toml --data-root data"
    )]
    ReproduceTable1(reproduce::Options),
    /// Run Table 1 of the FissionFusion paper's appendix: each half of the method
    ///
    /// Builds the programs in release mode and runs `ff-grid run`.
    #[command(after_help = "Example:\n  cargo xtask reproduce-appendix-table1 --json")]
    ReproduceAppendixTable1(reproduce::Options),
    /// Make the papers' figures: error surfaces, connectivity, greedy steps and sweeps
    ///
    /// These are the error surfaces, linear mode connectivity and greedy soups' steps of
    /// FissionFusion and, without --config, the sweeps of InMerge. Builds the programs in release
    /// mode and runs `ff-grid run`.
    #[command(
        after_help = "Example:\n  cargo xtask reproduce-figures --config configs/figures/paper.toml --data-root data"
    )]
    ReproduceFigures(reproduce::Options),
    /// Run Table 1 of the InMerge paper: chest findings, AUROC
    ///
    /// Builds the programs in release mode and runs `ff-grid run`.
    #[command(after_help = "Example:\n  cargo xtask reproduce-inmerge-table1 --runs runs/inmerge")]
    ReproduceInmergeTable1(reproduce::Options),
    /// Run Table 2 of the InMerge paper: several datasets, accuracy
    ///
    /// Builds the programs in release mode and runs `ff-grid run`.
    #[command(after_help = "Example:\n  cargo xtask reproduce-inmerge-table2 --engine slurm --wait")]
    ReproduceInmergeTable2(reproduce::Options),
    /// Run Fig. 2 of the InMerge paper: sweeps over one setting at a time
    ///
    /// Builds the programs in release mode and runs `ff-grid run`.
    #[command(after_help = "Example:\n  cargo xtask reproduce-inmerge-fig2 --set run.workers=2")]
    ReproduceInmergeFig2(reproduce::Options),
}

fn main() -> ExitCode {
    if let Some(code) = rustdoc::instead() {
        return code;
    }
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { cuda } => setup::run(&workspace, cuda).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::GpuKit(options) => gpu_kit::run(&workspace, &options),
        Command::Evidence(options) => evidence::run(&workspace, &options),
        Command::Wheel(options) => wheel::run(&workspace, &options),
        Command::Check => checks::quick(&workspace),
        Command::Test => checks::run(&workspace),
        Command::CrashTest { kills } => checks::crash(&workspace, kills),
        Command::ReproduceTable1(options) => reproduce::run(&workspace, "table1", &options),
        Command::ReproduceFigures(options) => reproduce::run_figures(&workspace, &options),
        Command::ReproduceAppendixTable1(options) => reproduce::run(&workspace, "table1-appendix", &options),
        Command::ReproduceInmergeTable1(options) => reproduce::run(&workspace, "inmerge-table1", &options),
        Command::ReproduceInmergeTable2(options) => reproduce::run(&workspace, "inmerge-table2", &options),
        Command::ReproduceInmergeFig2(options) => reproduce::run(&workspace, "inmerge-fig2", &options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_exits_with_2() {
        let Err(error) = Cli::try_parse_from(["cargo xtask", "reproduce-table1", "--engine", "abacus"])
        else {
            panic!("an unknown engine was accepted");
        };
        assert_eq!(error.exit_code(), 2);
    }
}
