//! `evidence`: what souping and in-model merging gain, on real images.

mod configs;
mod page;
mod sets;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use self::page::Findings;
use crate::setup;
use crate::workspace::Workspace;

/// The rows that the figure shows.
const FIGURE: [&str; 13] = [
    "delivered",
    "recommended",
    "Uniform",
    "Greedy",
    "Greedy, BN averaged",
    "Learned by layer",
    "EMA (best)",
    "Ensemble",
    "FGG (best)",
    "GoG",
    "FGG minimal (best)",
    "GoG minimal",
    "FGG minimal ensemble",
];

/// Options of `evidence`.
#[derive(Args)]
pub struct Options {
    /// Folder that holds the image sets; CSV files and unpacked archives are written to it
    ///
    /// Without it nothing is run: the page is written from the tables in the folder of results.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder for the results; finished jobs are not run again
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Configuration of the soups [default: configs/evidence/soups.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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

/// Runs the tables of all sets and seeds that are not on record, and writes the page.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let configs = match &options.data {
        Some(data) => configs(workspace, options, data)?,
        None => Vec::new(),
    };
    setup::ensure(workspace, false)?;
    workspace.build_programs()?;
    for config in configs {
        let mut grid = workspace.program("ff-grid");
        grid.arg("run").arg("--config").arg(&config).arg("--runs").arg(&options.runs);
        grid.args(options.data.iter().flat_map(|data| ["--data-root".into(), OsString::from(data)]));
        for pair in &options.set {
            grid.args(["--set", pair]);
        }
        let status = grid.status().context("cargo could not be started")?;
        ensure!(status.success(), "{}: its table failed; the same command resumes", config.display());
    }
    write_page(workspace, &options.runs)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the configuration of each set and seed, seed by seed, so that an interrupted run has all
/// sets.
fn configs(workspace: &Workspace, options: &Options, data: &Path) -> Result<Vec<PathBuf>> {
    let found = sets::prepare(data)?;
    if let Some(unknown) = options.only.iter().find(|name| !found.contains(&name.as_str())) {
        let known = found.join(", ");
        bail!("--only: expected one of the sets in {} ({known}), found {unknown}", data.display());
    }
    let wanted = |name: &&&str| options.only.is_empty() || options.only.iter().any(|of| of == **name);
    let wanted: Vec<&str> = found.iter().filter(wanted).copied().collect();
    let all = || workspace.root().join("configs/evidence/soups.toml");
    let all = options.config.clone().unwrap_or_else(all);
    let tables = (0..options.seeds).flat_map(|seed| wanted.iter().map(move |set| (set, seed)));
    tables.map(|(set, seed)| configs::of(&all, &options.runs, set, seed)).collect()
}

/// Writes the page and its figure from the finished tables.
fn write_page(workspace: &Workspace, runs: &Path) -> Result<()> {
    let mut tables = Vec::new();
    let mut lists = Vec::new();
    for name in sets::folders(&runs.join("tables"))? {
        let folder = runs.join("tables").join(&name);
        let Some((set, _)) = name.strip_prefix("evidence-").and_then(|of| of.rsplit_once('-')) else {
            continue;
        };
        let list = folder.join("predictions.csv");
        if !list.is_file() {
            continue; // not finished
        }
        let path = folder.join("table.json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        tables.push((set.to_owned(), text.parse().with_context(|| path.display().to_string())?));
        lists.push(list);
    }
    ensure!(!tables.is_empty(), "{}: expected tables of the evidence, found none", runs.display());
    let docs = workspace.root().join("docs");
    let gains = |arguments: &[&str]| -> Result<Value> {
        let mut eval = workspace.program("ff-eval");
        eval.arg("gains").args(&lists).args(["--baseline", "GS (best)", "--json"]);
        eval.args(["--except", "brain-mri-as-released"]).args(arguments);
        let output =
            eval.stderr(std::process::Stdio::inherit()).output().context("cargo could not be started")?;
        ensure!(output.status.success(), "ff-eval gains failed");
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let figure = docs.join("figures/evidence.svg");
    let figure = figure.to_str().context("a path that is not UTF-8")?;
    let drawn: Vec<&str> = FIGURE.iter().flat_map(|name| ["--method", name]).collect();
    gains(&[&["--figure", figure], &*drawn].concat())?;
    let marked = ["--method", "delivered", "--method", "recommended", "--metric", "auroc"];
    let findings = Findings {
        primary: gains(&[&marked[..], &["--level", "0.9875"]].concat())?,
        gains: gains(&["--metric", "auroc", "--metric", "log-loss"])?,
        tables,
    };
    let page = docs.join("measurements/evidence.md");
    fs::write(&page, findings.page()).with_context(|| page.display().to_string())?;
    eprintln!("wrote {} and {figure}", page.display());
    Ok(())
}
