//! From records to what people read.

mod card;
mod landscape;
mod merging;
mod report;
mod soups;
mod timm;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ff_checkpoint::write_atomic;
use serde::Serialize;

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
            Ok(published)
        }
        PlannedTable::Merging(config, columns) => {
            let table = merging::table(plan, config, columns, runs)?;
            let texts = [table.to_markdown(), table.to_csv(), table.to_latex(), table.to_json()];
            let mut published = write_table(&config.folder(runs.root()), texts, config)?;
            published.files.extend(merging::details(plan, config, columns, runs, &table)?);
            Ok(published)
        }
    }
}

fn write_table(folder: &Path, texts: [String; 4], config: &impl Serialize) -> Result<Published, Error> {
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

/// A head and the lines.
fn csv(lines: &[impl Serialize]) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    lines
        .iter()
        .try_for_each(|line| writer.serialize(line))
        .map_err(|error| Error::Job(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| Error::Job(error.to_string()))?;
    Ok(String::from_utf8(bytes).expect("it was written from text"))
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
