//! `reproduce-…`: a paper's table or figure from a clone in one command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::setup;
use crate::workspace::Workspace;

/// Options of `ff-grid run`, passed to it unchanged.
#[derive(Args)]
pub struct Options {
    /// Configuration to run [default: demo.toml in the table's folder of configs/]
    ///
    /// The demo needs no data and no GPU.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that holds the datasets
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// Folder for the results; finished jobs are not run again
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Where jobs run
    #[arg(long)]
    engine: Option<Engine>,
    /// File that replaces the configuration's [run.cluster]
    #[arg(long, value_name = "FILE")]
    cluster: Option<PathBuf>,
    /// Wait until all jobs submitted to the cluster are done
    #[arg(long)]
    wait: bool,
    /// Print the table's numbers as JSON
    #[arg(long)]
    json: bool,
    /// Override a configuration value; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Where the jobs of a table run.
#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    /// This machine
    Local,
    /// A Slurm cluster, by sbatch
    Slurm,
}

impl Options {
    /// Returns the arguments of `ff-grid`, with a table's demo configuration of the checkout at
    /// `root` if none is named.
    fn arguments(&self, root: &Path, table: &str) -> Vec<OsString> {
        let demo = || root.join("configs").join(table).join("demo.toml");
        let config = self.config.clone().unwrap_or_else(demo);
        let engine = self.engine.as_ref().and_then(Engine::to_possible_value);
        let options = [
            ("--config", Some(OsString::from(config))),
            ("--data-root", self.data_root.as_ref().map(OsString::from)),
            ("--runs", self.runs.as_ref().map(OsString::from)),
            ("--engine", engine.map(|engine| OsString::from(engine.get_name()))),
            ("--cluster", self.cluster.as_ref().map(OsString::from)),
        ];
        let options = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let set = self.set.iter().map(|pair| ("--set", OsString::from(pair)));
        let mut arguments = vec![OsString::from("run")];
        arguments.extend(options.chain(set).flat_map(|(name, value)| [OsString::from(name), value]));
        let flags = [("--wait", self.wait), ("--json", self.json)];
        arguments.extend(flags.into_iter().filter(|(_, given)| *given).map(|(name, _)| OsString::from(name)));
        arguments
    }
}

/// Sets up libtorch if it is missing, builds the programs and runs a table, which is named as its
/// folder of configs/. Returns the exit code of `ff-grid`.
pub fn run(workspace: &Workspace, table: &str, options: &Options) -> Result<ExitCode> {
    setup::ensure(workspace, false)?;
    workspace.build_programs()?;
    let mut grid = workspace.program("ff-grid");
    grid.args(options.arguments(workspace.root(), table));
    let status = grid.status().context("cargo could not be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Runs the configuration that is named; without one, the demos of FissionFusion's figures and of
/// InMerge's sweeps, one after the other. Returns the exit code of the first `ff-grid` that fails.
pub fn run_figures(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let tables = if options.config.is_some() { &["figures"][..] } else { &["figures", "inmerge-fig2"] };
    for table in tables {
        let code = run(workspace, table, options)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn arguments(line: &[&str]) -> Vec<OsString> {
        let line =
            Line::try_parse_from([&["reproduce-table1"], line].concat()).expect("a valid command line");
        line.options.arguments(Path::new("/clone"), "table1")
    }

    #[test]
    fn without_options_the_demo_runs() {
        assert_eq!(arguments(&[]), ["run", "--config", "/clone/configs/table1/demo.toml"]);
    }

    #[test]
    fn every_option_is_passed_on() {
        let given = ["--config", "c.toml", "--data-root", "d", "--runs", "r", "--engine", "slurm"];
        let more = ["--cluster", "s.toml", "--set", "a.b=1", "--set", "c=\"x y\"", "--wait"];
        let expected = [&["run"], &given[..], &more, &["--json"]].concat();
        assert_eq!(arguments(&[&["--json"], &given[..], &more].concat()), expected);
        assert_eq!(arguments(&["--engine", "local"])[3..], ["--engine", "local"]);
    }
}
