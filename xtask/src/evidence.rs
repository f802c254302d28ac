//! `evidence`: what souping and in-model merging gain, on real images.

mod configs;
mod findings;
mod page;
mod records;
mod sets;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::configs::Study;
use self::findings::Findings;
use crate::files;
use crate::setup;
use crate::workspace::Workspace;

/// Options of `evidence`.
#[derive(Args)]
pub struct Options {
    /// Folder that holds the image sets; CSV files and unpacked archives are written to it
    ///
    /// Without it nothing is run: the page is written from the records.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder for the results; finished jobs are not run again
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Take the paper's networks at 224 px, with ImageNet weights: for a GPU
    ///
    /// The tables and the page have the name `evidence-large`; InMerge is not run.
    #[arg(long)]
    large: bool,
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

/// Runs what is left of the tables of all sets and seeds, records them, and writes the page.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let folder = workspace.root().join("configs/evidence");
    let soups = Study::read(&folder.join("soups.toml"), options.large)?;
    let inmerge = if options.large { None } else { Some(Study::read(&folder.join("inmerge.toml"), false)?) };
    let studies = || std::iter::once(&soups).chain(&inmerge);
    let sets = match &options.data {
        Some(data) => wanted(options, sets::prepare(data)?)?,
        None => Vec::new(),
    };
    setup::ensure(workspace, false)?;
    workspace.build_programs()?;
    let measurements = workspace.root().join("docs/measurements");
    let take = |study: &Study| records::take(workspace, study, &options.runs, &measurements);
    // Seed by seed, so that an interrupted run has all sets.
    for seed in 0..options.seeds {
        for study in studies() {
            for set in sets.iter().filter(|set| study.has(set)) {
                let data = options.data.as_deref().unwrap_or(Path::new(""));
                table(workspace, options, &study.config(&options.runs, data, set, seed)?)?;
                take(study)?;
            }
        }
    }
    studies().try_for_each(take)?;
    let findings = Findings::read(workspace, &measurements, &soups, inmerge.as_ref())?;
    let page = measurements.join(format!("{}.md", soups.name));
    files::write(&page, &page::of(&findings))?;
    eprintln!("wrote {}", page.display());
    if !options.large {
        page::guide::update(&workspace.root().join("docs/guide/which-method.md"), &findings)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The sets of `--only`, or all that are there.
fn wanted(options: &Options, found: Vec<&'static str>) -> Result<Vec<&'static str>> {
    if let Some(unknown) = options.only.iter().find(|name| !found.contains(&name.as_str())) {
        bail!("--only: expected one of the sets of --data ({}), found {unknown}", found.join(", "));
    }
    let wanted = |name: &&str| options.only.is_empty() || options.only.iter().any(|of| of == name);
    Ok(found.into_iter().filter(wanted).collect())
}

/// Runs a table, or what is left of it.
fn table(workspace: &Workspace, options: &Options, config: &Path) -> Result<()> {
    let mut grid = workspace.program("ff-grid");
    grid.arg("run").arg("--config").arg(config).arg("--runs").arg(&options.runs);
    grid.args(options.data.iter().flat_map(|data| ["--data-root".into(), OsString::from(data)]));
    grid.args(options.set.iter().flat_map(|pair| ["--set", pair]));
    let status = grid.status().context("cargo could not be started")?;
    ensure!(status.success(), "{}: its table failed; the same command resumes", config.display());
    Ok(())
}
