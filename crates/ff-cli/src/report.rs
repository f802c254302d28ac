//! `ff-grid report`: an HTML page with the results of one or more tables, which it compares.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use ff_grid::{Catalog, Experiment, Plan, RunStore, Source, read_experiment, report};
use tracing::info;

use crate::hub::find_cached;
use crate::options::GLOBAL;
use crate::output::say;

/// The tables to report on, and the page to write.
#[derive(Args)]
pub struct ReportOptions {
    /// Runs folder, which holds all jobs, tables and caches
    #[arg(long, value_name = "DIR", default_value = "runs", help_heading = GLOBAL)]
    runs: PathBuf,
    /// HTML page to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Configuration of a table to report on; may be repeated
    ///
    /// Without it, the page shows every table in the runs folder. Several tables are compared.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Override a configuration value, as in the run to report on
    #[arg(long, value_name = "KEY=VALUE", requires = "config", help_heading = GLOBAL)]
    set: Vec<String>,
    /// Folder that dataset paths in the configurations are relative to
    #[arg(long, value_name = "DIR", env = "FF_DATA_ROOT", default_value = "data", help_heading = GLOBAL)]
    data_root: PathBuf,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Heading of the page
    #[arg(long, default_value = "Model soups: results")]
    title: String,
}

impl ReportOptions {
    /// A page on one table, whose configuration names its data by whole paths.
    pub(crate) fn of(config: PathBuf, runs: &Path, output: PathBuf) -> Self {
        Self {
            runs: runs.to_owned(),
            output,
            config: vec![config],
            set: Vec::new(),
            data_root: PathBuf::from("."),
            open: false,
            title: "Model soups: results".to_owned(),
        }
    }
}

/// Writes the page.
pub fn write_report(options: &ReportOptions) -> anyhow::Result<()> {
    let configs = match options.config.as_slice() {
        [] => tables(&options.runs)?,
        given => given.to_vec(),
    };
    let (mut problems, mut opened) = (Vec::new(), Vec::new());
    for path in configs {
        match read_experiment(&path, &options.set) {
            Ok(experiment) => opened.push(plan(options, path, experiment)),
            // A configuration that the user names must be readable; of the tables that are found in
            // the runs folder, unreadable ones become problems on the page.
            Err(error) if options.config.is_empty() => problems.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let sources: Vec<Source<'_>> = opened
        .iter()
        .map(|(path, plan, catalog)| Source { plan, catalog, commands: commands(options, path) })
        .collect();
    let page = report(&options.title, &sources, &RunStore::lenient(&options.runs), problems);
    for why in &page.problems {
        say(&format!("warning: {why}"));
    }
    let html = page.to_html();
    ff_checkpoint::write_atomic(&options.output, |file| std::io::Write::write_all(file, html.as_bytes()))
        .with_context(|| format!("{}: cannot write the report", options.output.display()))?;
    info!("wrote {} ({} KiB)", options.output.display(), html.len().div_ceil(1024));
    // The page is there, so a machine without a browser is no failure.
    if options.open
        && let Err(error) = open::that(&options.output)
    {
        say(&format!("warning: cannot open {} in a browser: {error}", options.output.display()));
    }
    Ok(())
}

fn plan(options: &ReportOptions, path: PathBuf, experiment: Box<dyn Experiment>) -> (PathBuf, Plan, Catalog) {
    let catalog =
        Catalog::of(experiment.run(), experiment.sources().len(), &options.data_root, &options.runs);
    let mut plan = Plan::new(experiment, &catalog, &find_cached);
    if !plan.missing().is_empty() {
        plan.recover(&RunStore::new(&options.runs).all());
    }
    (path, plan, catalog)
}

/// Returns the resolved configurations of all tables and single runs in a runs folder.
fn tables(runs: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let below = |folder: &Path, name: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| entry.path().join(name)).filter(|path| path.is_file()).collect();
        found.sort();
        found
    };
    let folder = runs.join("tables");
    let found = [below(&folder, "config.toml"), below(runs, "recipe.toml")].concat();
    match (found.is_empty(), folder.is_dir()) {
        (false, _) => Ok(found),
        (true, true) => bail!("{}: expected folders with a config.toml, found none", folder.display()),
        (true, false) => bail!(
            "{}: expected the tables of a runs folder, found none\n\
             hint: give another runs folder with --runs, or a configuration with --config",
            folder.display()
        ),
    }
}

fn commands(options: &ReportOptions, config: &Path) -> Vec<String> {
    let places = format!("--data-root {} --runs {}", options.data_root.display(), options.runs.display());
    let set: String =
        options.set.iter().map(|set| format!(" --set '{}'", set.replace('\'', r"'\''"))).collect();
    vec![
        format!("ff-grid run --config {}{set} {places}", config.display()),
        format!(
            "ff-grid report --config {}{set} {places} --output {}",
            config.display(),
            options.output.display()
        ),
    ]
}
