//! From records to what people read.

mod card;
mod landscape;
mod merging;
mod report;
mod soups;
mod timm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ff_checkpoint::{write_atomic, write_sealed};
use serde::{Deserialize, Serialize};

use crate::plan::{Column, PlannedTable};
use crate::record::{Finished, Record, Runs};
use crate::{Cost, Error, Plan, Recipe};

pub use report::{Source, report};

/// A table as far as the records go, and the files that it was written to.
#[derive(Clone, Debug)]
pub struct Published {
    /// The table for people.
    pub markdown: String,
    /// The table for programs.
    pub json: String,
    /// The table as Markdown, CSV, LaTeX and JSON, and the resolved configuration; of soups, for each finished column
    /// `soup.safetensors`, `soup.json` and pictures of errors between its models, if asked for; of merging, a plot for each sweep and what was merged.
    pub files: Vec<PathBuf>,
}

/// The table as far as the records go, as Markdown and as JSON; nothing is written.
pub fn render(plan: &Plan, runs: &Runs) -> Result<[String; 2], Error> {
    Ok(match &plan.table {
        PlannedTable::Soups(config, columns) => {
            let table = soups::table(plan, config, columns, runs)?;
            [table.to_markdown(), table.to_json()]
        }
        PlannedTable::Merging(config, columns) => {
            let table = merging::table(plan, config, columns, runs)?;
            [table.to_markdown(), table.to_json()]
        }
    })
}

/// Writes the table and what goes with it into the table's folder below the runs folder. What is missing or failed is said
/// in its cell.
pub fn publish(plan: &Plan, runs: &Runs) -> Result<Published, Error> {
    match &plan.table {
        PlannedTable::Soups(config, columns) => {
            let table = soups::table(plan, config, columns, runs)?;
            let texts = [table.to_markdown(), table.to_csv(), table.to_latex(), table.to_json()];
            let mut published = write_table(&config.folder(runs.root()), texts, config)?;
            published.files.extend(soups::deliver(plan, config, columns, runs)?);
            published.files.extend(landscape::deliver(plan, config, columns, runs)?);
            published.listed(&config.folder(runs.root()))
        }
        PlannedTable::Merging(config, columns) => {
            let table = merging::table(plan, config, columns, runs)?;
            let texts = [table.to_markdown(), table.to_csv(), table.to_latex(), table.to_json()];
            let mut published = write_table(&config.folder(runs.root()), texts, config)?;
            published.files.extend(merging::details(plan, config, columns, runs, &table)?);
            published.listed(&config.folder(runs.root()))
        }
    }
}

/// What a table's folder holds: the BLAKE3 hash of every file, by its path in the folder. It lets the doctor find what is
/// damaged.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedFiles {
    pub files: BTreeMap<PathBuf, String>,
}

impl PublishedFiles {
    /// Its file's name.
    pub const NAME: &str = "files.json";
}

impl Published {
    /// The same, once the list of the files lies beside them.
    fn listed(self, folder: &Path) -> Result<Self, Error> {
        let entry =
            |path: &PathBuf| Ok((path.strip_prefix(folder).unwrap_or(path).to_owned(), file_hash(path)?));
        let files = self.files.iter().map(entry).collect::<Result<_, Error>>()?;
        write_sealed(&folder.join(PublishedFiles::NAME), &PublishedFiles { files })?;
        Ok(self)
    }
}

/// The BLAKE3 hash of a file's bytes, hexadecimal.
pub(crate) fn file_hash(path: &Path) -> Result<String, Error> {
    let hash = || Ok(blake3::Hasher::new().update_reader(std::fs::File::open(path)?)?.finalize());
    hash().map(|hash| hash.to_hex().to_string()).map_err(Error::file(path))
}

fn write_table(folder: &Path, texts: [String; 4], config: &impl Serialize) -> Result<Published, Error> {
    // The list is of the files as they were: it is absent until all of them are rewritten.
    let list = folder.join(PublishedFiles::NAME);
    match std::fs::remove_file(&list) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&list)(error)),
        _ => {}
    }
    let resolved = toml::to_string_pretty(config).map_err(|error| Error::Config(error.to_string()))?;
    let [markdown, csv, latex, json] = texts;
    let mut files = Vec::new();
    for (name, text) in [
        ("table.md", &markdown),
        ("table.csv", &csv),
        ("table.tex", &latex),
        ("table.json", &json),
        ("config.toml", &resolved),
    ] {
        files.push(write_text(folder, name, text)?);
    }
    Ok(Published { markdown, json, files })
}

fn write_text(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    write_atomic(&path, |file| std::io::Write::write_all(file, text.as_bytes()))?;
    Ok(path)
}

/// Where a column's own files lie: with one column in the table's folder itself, else in `<backbone>/<dataset>` below it.
fn place<M>(folder: &Path, columns: &[Column<M>], backbone: &str, dataset: &str) -> PathBuf {
    if columns.len() == 1 { folder.to_owned() } else { folder.join(backbone).join(dataset) }
}

/// The record of a job, if it can run and has.
fn record(plan: &Plan, runs: &Runs, id: &str) -> Result<Option<Record>, Error> {
    match plan.job(id) {
        Some(job) if job.blocked.is_none() => runs.record(job),
        _ => Ok(None),
    }
}

/// The score of an evaluation; none if it is not done, or its run diverged.
fn score(plan: &Plan, runs: &Runs, id: &str) -> Result<Option<ff_eval::Score>, Error> {
    Ok(record(plan, runs, id)?.and_then(|record| record.score().ok().cloned()))
}

/// Images that were left out of the predictions that an evaluation scored.
fn skipped(plan: &Plan, runs: &Runs, evaluation: &str) -> Result<usize, Error> {
    let input = plan.job(evaluation).and_then(|job| job.inputs.first());
    let Some(input) = input else { return Ok(0) };
    Ok(match record(plan, runs, input)?.map(|record| record.finished) {
        Some(Finished::Predictions { skipped, .. }) => skipped.len(),
        _ => 0,
    })
}

/// Images that runs of training could not read and left out.
fn skipped_in_training(plan: &Plan, runs: &Runs, ids: &[String]) -> Result<usize, Error> {
    let mut names = BTreeSet::new();
    for id in ids {
        if let Some(Record { finished: Finished::Training(outcome), .. }) = record(plan, runs, id)? {
            names.extend(outcome.history.into_iter().flat_map(|epoch| epoch.skipped));
        }
    }
    Ok(names.len())
}

/// What the given jobs cost together with every job behind them, each counted once, from the pretrained weights on.
fn cost<'a>(
    plan: &'a Plan,
    runs: &Runs,
    roots: impl Iterator<Item = &'a str>,
) -> Result<ff_report::Cost, Error> {
    let mut behind = BTreeSet::new();
    let mut queue: Vec<&str> = roots.collect();
    while let Some(id) = queue.pop() {
        if let Some(job) = plan.job(id)
            && !matches!(job.recipe, Recipe::Pretrain(_))
            && behind.insert(id)
        {
            queue.extend(job.inputs.iter().map(String::as_str));
        }
    }
    let (mut cost, mut seconds) = (Cost::default(), 0.0);
    for id in behind {
        if let Some(record) = record(plan, runs, id)? {
            cost += record.cost;
            seconds += record.seconds;
        }
    }
    Ok(ff_report::Cost {
        training_epochs: cost.epochs,
        training_images: cost.train_images,
        validation_passes: cost.evaluations,
        validation_images: cost.evaluated_images,
        wall_seconds: Some(seconds),
    })
}
