//! `evidence`: what souping and in-model merging gain, on real images.

mod configs;
mod sets;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::setup;
use crate::workspace::Workspace;

/// Options of `evidence`.
#[derive(Args)]
pub struct Options {
    /// Folder that holds the image sets; CSV files and unpacked archives are written to it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the results; finished jobs are not run again
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Configuration of the soups
    #[arg(long, value_name = "FILE", default_value = "configs/evidence/soups.toml")]
    config: PathBuf,
    /// Run this set only; may be repeated
    #[arg(long, value_name = "SET")]
    only: Vec<String>,
    /// Number of seeds
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Override a configuration value; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the tables of all sets and seeds that are not on record.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let found = sets::prepare(&options.data)?;
    if let Some(unknown) = options.only.iter().find(|name| !found.contains(&name.as_str())) {
        bail!(
            "--only: expected one of the sets in {} ({}), found {unknown}",
            options.data.display(),
            found.join(", ")
        );
    }
    let wanted: Vec<&str> = found
        .into_iter()
        .filter(|name| options.only.is_empty() || options.only.iter().any(|of| of == name))
        .collect();
    // Seed by seed, so that an interrupted run has all sets.
    let tables = (0..options.seeds).flat_map(|seed| wanted.iter().map(move |set| (set, seed)));
    let configs = tables.map(|(set, seed)| configs::of(&options.config, &options.runs, set, seed));
    let configs = configs.collect::<Result<Vec<_>>>()?;
    setup::ensure(workspace, false)?;
    workspace.build_programs()?;
    for config in configs {
        let mut grid = workspace.program("ff-grid");
        grid.arg("run").arg("--config").arg(&config).arg("--data-root").arg(&options.data);
        grid.arg("--runs").arg(&options.runs);
        for pair in &options.set {
            grid.args(["--set", pair]);
        }
        let status = grid.status().context("cargo could not be started")?;
        ensure!(status.success(), "{}: its table failed; the same command resumes", config.display());
    }
    Ok(ExitCode::SUCCESS)
}
