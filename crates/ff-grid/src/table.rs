//! From records to the table, and to the model that a user takes away.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ff_checkpoint::{StateDict, write_atomic, write_json};
use ff_report::paper;
use ff_report::{Cell, Column as ReportColumn, Row, Table};
use serde::Serialize;

use crate::config::MethodConfig;
use crate::plan::{Column, MethodJobs};
use crate::record::{Finished, Record, Runs, SoupRecord};
use crate::{Cost, Error, Plan, Recipe};

/// The table as far as the records go: what is missing or failed is said in its cell.
pub fn table(plan: &Plan, runs: &Runs) -> Result<Table, Error> {
    let config = &plan.config;
    let columns = plan.columns.iter().map(|column| {
        let (backbone, dataset) = (&config.backbone[column.backbone], &config.dataset[column.dataset]);
        ReportColumn {
            backbone: backbone.name.clone(),
            dataset: dataset.name.clone(),
            metric: dataset.metric,
            ood: dataset.ood.iter().map(|other| other.name.clone()).collect(),
            paper: dataset.paper_column.is_some(),
        }
    });
    let mut rows = Vec::new();
    for (m, method) in config.method.iter().enumerate() {
        let mut cells = Vec::new();
        for column in &plan.columns {
            cells.push(cell(plan, runs, column, method, &column.methods[m])?);
        }
        rows.push(Row { method: method.name.clone(), cells, cost: cost(plan, runs, m)? });
    }
    Table::new(&config.name, columns.collect(), rows).map_err(|error| Error::Job(error.to_string()))
}

fn cell(
    plan: &Plan,
    runs: &Runs,
    column: &Column,
    method: &MethodConfig,
    jobs: &MethodJobs,
) -> Result<Cell, Error> {
    let dataset = &plan.config.dataset[column.dataset];
    let backbone = &plan.config.backbone[column.backbone];
    let published = (|| {
        let place = (
            paper::Backbone::named(backbone.architecture.name())?,
            paper::Method::named(method.paper_row.as_deref()?)?,
            paper::Dataset::named(dataset.paper_column.as_deref()?)?,
        );
        paper::published(place.0, place.1, place.2)
    })();
    let ood_names = dataset.ood.iter().map(|other| other.name.clone());
    let mut cell = Cell { paper: published, ..Cell::default() };
    if let Some(why) = &column.blocked {
        cell.ood = ood_names.map(|name| (name, None)).collect();
        cell.note = Some(why.lines().next().unwrap_or_default().to_owned());
        return Ok(cell);
    }
    let mut notes = Vec::new();
    match record(plan, runs, &jobs.soup)? {
        Some(record) => {
            let soup = record.soup()?;
            cell.validation = Some(soup.soup.score);
            if !soup.left_out.is_empty() {
                notes.push(format!("left out, diverged: {}", soup.left_out.join(", ")));
            }
            if !soup.skipped.is_empty() {
                notes.push(format!("{} unreadable validation images left out", soup.skipped.len()));
            }
        }
        None => notes.push("not run".to_owned()),
    }
    let score = |id: &str| -> Result<Option<ff_eval::Score>, Error> {
        record(plan, runs, id)?.map(|record| record.score().cloned()).transpose()
    };
    match &jobs.test {
        Some(id) => {
            cell.test = score(id)?;
            match skipped(plan, runs, id)? {
                0 => {}
                images => notes.push(format!("{images} unreadable test images left out")),
            }
        }
        None => notes.push("the dataset has no test split".to_owned()),
    }
    for (name, job) in ood_names.zip(&jobs.ood) {
        let found = match job {
            Ok(id) => score(id)?,
            Err(why) => {
                notes.push(why.lines().next().unwrap_or_default().to_owned());
                None
            }
        };
        cell.ood.push((name, found));
    }
    cell.note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(cell)
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

/// What a method cost over all columns: every job behind its soups, from the pretrained weights on.
fn cost(plan: &Plan, runs: &Runs, method: usize) -> Result<ff_report::Cost, Error> {
    let mut behind = BTreeSet::new();
    let mut queue: Vec<&str> =
        plan.columns.iter().map(|column| column.methods[method].soup.as_str()).collect();
    while let Some(id) = queue.pop() {
        if behind.insert(id)
            && let Some(job) = plan.job(id)
            && !matches!(job.recipe, Recipe::Probe(_))
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

fn record(plan: &Plan, runs: &Runs, id: &str) -> Result<Option<Record>, Error> {
    match plan.job(id) {
        Some(job) if job.blocked.is_none() => runs.record(job),
        _ => Ok(None),
    }
}

/// Files that a finished table leaves.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// The table as Markdown, CSV, LaTeX and JSON, the resolved configuration, and for each finished column
    /// `soup.safetensors` and `soup.json`.
    pub files: Vec<PathBuf>,
}

/// The record beside a soup that a user takes away: which models went in, and why.
#[derive(Serialize)]
struct SoupNote<'a> {
    backbone: &'a str,
    architecture: &'a str,
    dataset: &'a str,
    classes: &'a [String],
    method: &'a str,
    metric: ff_eval::Metric,
    chosen: &'static str,
    ingredients: Vec<(&'a str, f64)>,
    record: &'a SoupRecord,
}

/// Writes the table and, for each column, the soup with the best validation score, ties to the later method, with
/// the record of how it was chosen. With one column they lie in the table's folder itself, else in
/// `<backbone>/<dataset>` below it.
pub fn publish(plan: &Plan, runs: &Runs) -> Result<(Table, Published), Error> {
    let table = table(plan, runs)?;
    let folder = plan.config.folder(runs.root());
    let mut published = Published::default();
    let resolved = toml::to_string_pretty(&plan.config).map_err(|error| Error::Config(error.to_string()))?;
    for (name, text) in [
        ("table.md", table.to_markdown()),
        ("table.csv", table.to_csv()),
        ("table.tex", table.to_latex()),
        ("table.json", table.to_json()),
        ("config.toml", resolved),
    ] {
        let path = folder.join(name);
        write_atomic(&path, |file| std::io::Write::write_all(file, text.as_bytes()))?;
        published.files.push(path);
    }
    for column in &plan.columns {
        let (backbone, dataset) =
            (&plan.config.backbone[column.backbone], &plan.config.dataset[column.dataset]);
        let own = || folder.join(&backbone.name).join(&dataset.name);
        let place = if plan.columns.len() == 1 { folder.clone() } else { own() };
        published.files.extend(deliver(plan, runs, column, &place)?);
    }
    Ok((table, published))
}

fn deliver(plan: &Plan, runs: &Runs, column: &Column, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut best: Option<(&MethodConfig, Record, PathBuf)> = None;
    for (method, jobs) in plan.config.method.iter().zip(&column.methods) {
        if method.select.hierarchy().is_none() {
            continue;
        }
        let (Some(job), Some(record)) = (plan.job(&jobs.soup), record(plan, runs, &jobs.soup)?) else {
            continue;
        };
        let score = record.soup()?.soup.score;
        let before =
            best.as_ref().map(|(_, record, _)| record.soup().map(|soup| soup.soup.score)).transpose()?;
        if before.is_none_or(|before| score >= before) {
            let file = runs.folder(job).join(&record.soup()?.weights);
            best = Some((method, record, file));
        }
    }
    let Some((method, record, file)) = best else { return Ok(Vec::new()) };
    let path = folder.join("soup.safetensors");
    let weights = StateDict::open(&file)?;
    weights.save(&path, Some(weights.provenance()?))?;
    let (backbone, dataset) = (&plan.config.backbone[column.backbone], &plan.config.dataset[column.dataset]);
    let soup = record.soup()?;
    let note = SoupNote {
        backbone: &backbone.name,
        architecture: backbone.architecture.name(),
        dataset: &dataset.name,
        classes: &column.classes,
        method: &method.name,
        metric: dataset.metric,
        chosen: "the best validation score among the soups, ties to the later method; no test image was looked at",
        ingredients: soup.soup.mix.shares(),
        record: soup,
    };
    let note_path = folder.join("soup.json");
    write_json(&note_path, &note)?;
    Ok(vec![path, note_path])
}
