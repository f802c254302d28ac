//! The commands around the workspace: `cargo xtask setup`, `cargo xtask test`,
//! `cargo xtask reproduce-…`.
//!
//! It needs no libtorch itself: it is what fetches it.

mod bench;
mod checks;
mod reproduce;
mod rustdoc;
mod setup;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// Setup of libtorch, whole tables from images to report, and every check.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put libtorch 2.11.0 in the user's cache folder and link `.libtorch` to it
    ///
    /// The libraries come from the Python package index by way of pip, each file checked against
    /// its known SHA-256. A LIBTORCH that is set already is checked and linked instead, and nothing
    /// is downloaded. Every other command does this too if it is missing.
    Setup {
        /// The CUDA libraries instead of the CPU ones (several GB)
        #[arg(long)]
        cuda: bool,
    },
    /// Measure loader and training step, and what one would run instead, in turn
    Bench(bench::Options),
    /// Run what one runs before a commit: format, lints, the structure of the crates and unit tests
    Check,
    /// Run every check: format, lints, docs and all tests
    Test,
    /// Kill, stop and crowd a small grid of every kind of job, and compare what it leaves with an
    /// undisturbed one, bit by bit
    CrashTest {
        /// How often to kill it; `cargo xtask test` does so 20 times
        #[arg(long, default_value_t = 200)]
        kills: u32,
    },
    /// Build the programs in release mode and run Table 1 of the FissionFusion paper with
    /// `ff-grid run`
    ReproduceTable1(reproduce::Options),
    /// Build the programs in release mode and run Table 1 of the FissionFusion paper's appendix:
    /// which half of the method does what
    ReproduceAppendixTable1(reproduce::Options),
    /// Build the programs in release mode and make the figures: error surfaces, linear mode
    /// connectivity and greedy soups' tries of FissionFusion, and, unless a config is named, the
    /// sweeps of InMerge
    ReproduceFigures(reproduce::Options),
    /// Build the programs in release mode and run Table 1 of the InMerge paper: chest findings,
    /// AUROC
    ReproduceInmergeTable1(reproduce::Options),
    /// Build the programs in release mode and run Table 2 of the InMerge paper: several datasets,
    /// accuracy
    ReproduceInmergeTable2(reproduce::Options),
    /// Build the programs in release mode and run Fig. 2 of the InMerge paper: one setting after
    /// the other
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
    fn wrong_usage_exits_with_two() {
        let Err(error) = Cli::try_parse_from(["cargo xtask", "reproduce-table1", "--engine", "abacus"])
        else {
            panic!("an unknown engine was taken");
        };
        assert_eq!(error.exit_code(), 2);
    }
}
