//! The options of commands that plan a table.

use anyhow::bail;
use clap::Args;
use ff_grid::{Catalog, HubResolver, Plan, RunStore, read_experiment};

use crate::options::{ConfigOptions, RunsOption};
use crate::source::BadImage;

/// A table, its data and its runs folder.
#[derive(Args)]
pub struct TableOptions {
    /// Its configuration.
    #[command(flatten)]
    pub config: ConfigOptions,
    /// The runs folder.
    #[command(flatten)]
    pub runs: RunsOption,
    /// How to handle unreadable images, in place of run.on_bad_image
    #[arg(long, value_enum)]
    pub on_bad_image: Option<BadImage>,
    /// Allow weights that were trained on the same images in another split
    ///
    /// Every result notes it.
    #[arg(long)]
    pub allow_other_split: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Plans a table.
///
/// Before a table's first run nothing is written, so each plan hashes the data again. Once there is
/// a runs folder, hashes are kept in it, and only changed files are read again.
pub fn prepare(options: &TableOptions, hub: HubResolver<'_>) -> anyhow::Result<(Plan, Catalog, RunStore)> {
    let ConfigOptions { config, data_root, set } = &options.config;
    let runs = &options.runs.runs;
    let mut experiment = read_experiment(config, set)?;
    let run = experiment.run_mut();
    run.on_bad_image = options.on_bad_image.map_or(run.on_bad_image, Into::into);
    run.allow_other_split |= options.allow_other_split;
    let catalog = Catalog::of(experiment.run(), experiment.sources().len(), data_root, runs);
    let plan = Plan::new(experiment, &catalog, hub);
    Ok((plan, catalog, RunStore::new(runs)))
}

/// The hint of commands that need no table.
pub const GIVE_RUNS: &str = "give it with --runs";

/// Returns a runs folder that exists; `hint` says what to do about a missing one.
///
/// # Errors
/// There is no such folder.
pub fn existing_runs(option: &RunsOption, hint: &str) -> anyhow::Result<RunStore> {
    let root = &option.runs;
    if !root.is_dir() {
        bail!("{}: expected a runs folder, found none\nhint: {hint}", root.display());
    }
    Ok(RunStore::new(root))
}
