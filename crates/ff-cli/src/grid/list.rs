//! `ff-grid list`: the tables of a runs folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use ff_grid::{RunStore, Settings, TableFolder, bytes_below, job_bytes, tables};
use indicatif::HumanBytes;
use serde::Serialize;
use serde_json::Value;

use super::begin::differences;
use super::options::{GIVE_RUNS, existing_runs};
use crate::options::RunsOption;
use crate::output::{print, print_json};

/// A runs folder.
#[derive(Args)]
pub struct ListOptions {
    #[command(flatten)]
    runs: RunsOption,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A table as it is listed.
#[derive(Serialize)]
struct Listed {
    folder: PathBuf,
    /// Digest of the settings.
    settings: Option<String>,
    /// Settings that are not those of the table of the plain name.
    differences: Option<String>,
    /// Whether the results are written.
    written: bool,
    jobs: Option<usize>,
    done: usize,
    /// Bytes of the table's files and of its jobs; `own_bytes` are those that no other table needs.
    bytes: u64,
    own_bytes: u64,
    models: Vec<Recommended>,
}

/// The recommended model of a column.
#[derive(Serialize)]
struct Recommended {
    column: String,
    metric: String,
    model: String,
    validation: Option<f64>,
    test: Option<f64>,
}

/// Prints each table with its settings, recommended models, scores and size on disk.
///
/// # Errors
/// Folders that cannot be listed.
pub fn list(options: &ListOptions) -> anyhow::Result<()> {
    let runs = existing_runs(&options.runs, GIVE_RUNS)?;
    let (all, sizes) = (tables(&runs)?, job_bytes(&runs)?);
    let listed: Vec<Listed> = all.iter().map(|table| of_table(table, &all, &sizes, &runs)).collect();
    let needed: BTreeSet<&PathBuf> = all.iter().flat_map(|table| table.jobs.iter().flatten()).collect();
    let unneeded: u64 = sizes.iter().filter(|(job, _)| !needed.contains(job)).map(|(_, bytes)| bytes).sum();
    let cache = bytes_below(&runs.root().join("cache"))?;
    if options.json {
        return print_json(&serde_json::json!({
            "tables": listed, "unneeded_bytes": unneeded, "cache_bytes": cache
        }));
    }
    let mut text = listed.iter().map(Listed::text).collect::<Vec<_>>().join("\n");
    if listed.is_empty() {
        text += "no tables\n";
    }
    text += &format!(
        "\njobs that no table needs: {}; cache of images and hashes: {}\n",
        HumanBytes(unneeded),
        HumanBytes(cache)
    );
    print(&text)
}

fn of_table(
    table: &TableFolder,
    all: &[TableFolder],
    sizes: &BTreeMap<PathBuf, u64>,
    runs: &RunStore,
) -> Listed {
    let jobs = || table.jobs.iter().flatten();
    let others: BTreeSet<&PathBuf> = all
        .iter()
        .filter(|other| other.path != table.path)
        .flat_map(|other| other.jobs.iter().flatten())
        .collect();
    let of = |jobs: &mut dyn Iterator<Item = &PathBuf>| jobs.filter_map(|job| sizes.get(job)).sum::<u64>();
    let plain = table.settings.as_ref().and_then(|own| beside(table, all, own));
    Listed {
        folder: table.path.clone(),
        settings: table.settings.as_ref().map(Settings::digest),
        differences: table.settings.as_ref().zip(plain).map(|(own, plain)| differences(own, plain)),
        written: table.is_written(),
        jobs: table.jobs.as_ref().map(BTreeSet::len),
        done: jobs().filter(|job| runs.root().join(job).join("record.json").exists()).count(),
        bytes: table.bytes + of(&mut jobs()),
        own_bytes: table.bytes + of(&mut jobs().filter(|job| !others.contains(job))),
        models: recommended(table),
    }
}

/// The settings of the table of the plain name, for one beside it.
fn beside<'a>(table: &TableFolder, all: &'a [TableFolder], own: &Settings) -> Option<&'a Settings> {
    let name = table.name();
    let plain = name.strip_suffix(&format!("-{}", own.digest()))?;
    all.iter().find(|other| other.name() == plain)?.settings.as_ref()
}

/// Reads the recommended model of each column from the table's JSON; none without it.
fn recommended(table: &TableFolder) -> Vec<Recommended> {
    let read = || serde_json::from_slice::<Value>(&std::fs::read(table.path.join("table.json")).ok()?).ok();
    let table = read().unwrap_or_default();
    let columns = table["columns"].as_array().into_iter().flatten().enumerate();
    let of_column = |(at, column): (usize, &Value)| {
        let text = |key: &str| column[key].as_str().unwrap_or_default().to_owned();
        let model = column["recommended"].as_str()?;
        let rows = table["rows"].as_array()?;
        let cell = &rows.iter().find(|row| row["method"] == model)?["cells"][at];
        Some(Recommended {
            column: format!("{} {}", text("dataset"), text("backbone")),
            metric: text("metric"),
            model: model.to_owned(),
            validation: cell["validation"].as_f64(),
            test: cell["test"]["value"].as_f64(),
        })
    };
    columns.filter_map(of_column).collect()
}

impl Listed {
    fn text(&self) -> String {
        let state = match self.jobs {
            None => ", without a list of its jobs".to_owned(),
            Some(jobs) if self.written => format!(", {jobs} jobs"),
            Some(jobs) => format!(", not finished: {} of {jobs} jobs done", self.done),
        };
        let digest = self.settings.as_ref().map_or("unreadable", String::as_str);
        let mut text = format!(
            "{}  settings {digest}{state}, {} ({} of its own)\n",
            self.folder.display(),
            HumanBytes(self.bytes),
            HumanBytes(self.own_bytes)
        );
        if let Some(differences) = &self.differences {
            text += &format!("  {differences}\n");
        }
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let width = self.models.iter().map(|of| of.column.chars().count()).max().unwrap_or(0);
        for Recommended { column, metric, model, validation, test } in &self.models {
            let scores = format!("validation {}, test {}", number(*validation), number(*test));
            text += &format!("  {column:width$}  {metric} {scores}  {model}\n");
        }
        text
    }
}
