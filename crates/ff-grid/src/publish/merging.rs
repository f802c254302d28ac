//! The table of a study of in-model merging, its plots, and what was merged.

use std::path::PathBuf;

use ff_data::Task;
use ff_eval::Spread;
use ff_inmerge::{KernelStats, MergeStats};
use ff_report::{Axis, Figure, Point, SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable, Series};
use itertools::Itertools;
use serde::Serialize;

use super::{cost, record, skipped, write_text};
use crate::config::{MergeMethod, Sweep};
use crate::merging::MergeHook;
use crate::plan::{Column, SeedJobs};
use crate::record::{LayerKernels, Runs};
use crate::{Error, MergingConfig, Plan};

type Columns = [Column<Vec<SeedJobs>>];

/// The table as far as the records go.
pub(super) fn table(
    plan: &Plan,
    config: &MergingConfig,
    columns: &Columns,
    runs: &Runs,
) -> Result<SeedTable, Error> {
    let of_report = columns.iter().map(|column| {
        let dataset = &config.dataset[column.dataset];
        let tasks = match &column.task {
            Some(task @ Task::Multilabel { .. }) => task.names().to_vec(),
            _ => Vec::new(),
        };
        SeedColumn {
            backbone: config.backbone[column.backbone].name.clone(),
            dataset: dataset.name.clone(),
            metric: dataset.metric,
            tasks,
            paper_dataset: dataset.paper_column.clone(),
        }
    });
    let mut rows = Vec::new();
    for (at, row) in config.rows().into_iter().enumerate() {
        let cells = columns.iter().map(|column| cell(plan, runs, column, &column.methods[at]));
        let trained = columns.iter().flat_map(|column| &column.methods[at]).map(|jobs| jobs.trained.as_str());
        rows.push(SeedRow {
            method: row.name,
            paper_row: row.paper_row,
            cells: cells.collect::<Result<_, _>>()?,
            cost: cost(plan, runs, trained)?,
        });
    }
    SeedTable::new(&config.name, of_report.collect(), rows, config.baseline())
        .map_err(|error| Error::Job(error.to_string()))
}

fn cell(
    plan: &Plan,
    runs: &Runs,
    column: &Column<Vec<SeedJobs>>,
    seeds: &[SeedJobs],
) -> Result<SeedCell, Error> {
    if let Some(why) = &column.blocked {
        let note = Some(why.lines().next().unwrap_or_default().to_owned());
        return Ok(SeedCell { runs: Vec::new(), note });
    }
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for jobs in seeds {
        let seed = jobs.seed;
        let Some(trained) = record(plan, runs, &jobs.trained)? else {
            notes.push(format!("seed {seed} not run"));
            continue;
        };
        let Some(kept) = &trained.training()?.kept else {
            notes.push(format!("seed {seed} diverged"));
            continue;
        };
        let scored = jobs.test.as_ref().map(|id| record(plan, runs, id)).transpose()?.flatten();
        if let Some(id) = &jobs.test
            && let images @ 1.. = skipped(plan, runs, id)?
        {
            notes.push(format!("seed {seed}: {images} unreadable test images left out"));
        }
        let test = scored.map(|record| record.score().cloned()).transpose()?;
        found.push(SeedRun { seed, validation: kept.validation.value(), test });
    }
    if seeds.iter().all(|jobs| jobs.test.is_none()) {
        notes.push("the dataset has no test split".to_owned());
    }
    Ok(SeedCell { runs: found, note: (!notes.is_empty()).then(|| notes.join("; ")) })
}

/// Writes, for each column: a plot and its numbers for each sweep and for the merges over time; every layer's merges in
/// every epoch (`merged-kernels.csv`); how alike the kernels of the kept models are (`kernels.csv`). With one column
/// they lie in the table's folder itself, else in `<backbone>/<dataset>` below it.
pub(super) fn details(
    plan: &Plan,
    config: &MergingConfig,
    columns: &Columns,
    runs: &Runs,
    table: &SeedTable,
) -> Result<Vec<PathBuf>, Error> {
    let (folder, rows) = (config.folder(runs.root()), config.rows());
    let mut files = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        if column.blocked.is_some() {
            continue;
        }
        let (backbone, dataset) =
            (&config.backbone[column.backbone].name, &config.dataset[column.dataset].name);
        let place = if columns.len() == 1 { folder.clone() } else { folder.join(backbone).join(dataset) };
        let title = format!("{dataset}, {backbone}");
        let mut figures: Vec<(String, Figure)> = Vec::new();
        for sweep in &config.sweep {
            figures.push((format!("sweep-{}", sweep.parameter()), of_sweep(sweep, table, at, &title)));
        }
        let merged = merges(plan, &rows, column, runs)?;
        figures.extend(of_merges(&rows, &merged, &title).map(|figure| ("merges".to_owned(), figure)));
        for (name, figure) in figures {
            // A sweep of which nothing is done yet makes no picture.
            if let Ok(svg) = figure.to_svg() {
                files.push(write_text(&place, &format!("{name}.svg"), &svg)?);
                files.push(write_text(&place, &format!("{name}.csv"), &figure.to_csv())?);
            }
        }
        files.push(write_text(&place, "merged-kernels.csv", &csv(&merged)?)?);
        files.push(write_text(&place, "kernels.csv", &csv(&kernels(plan, &rows, column, runs)?)?)?);
    }
    Ok(files)
}

/// The test metric along a sweep: mean and standard deviation over seeds, the tasks of a multilabel dataset as thin lines,
/// the baseline as a dashed one.
fn of_sweep(sweep: &Sweep, table: &SeedTable, column: usize, title: &str) -> Figure {
    let points = sweep.points();
    let cells: Vec<Option<&SeedCell>> = points
        .iter()
        .map(|(point, _)| table.rows().iter().find(|row| row.method == sweep.row(point)))
        .map(|row| row.map(|row| &row.cells[column]))
        .collect();
    let SeedColumn { metric, tasks, .. } = &table.columns()[column];
    let line = |name: &str, emphasis: bool, of: &dyn Fn(&SeedCell) -> Option<Point>| Series {
        name: name.to_owned(),
        points: cells.iter().map(|cell| cell.and_then(of)).collect(),
        emphasis,
    };
    let whole = |cell: &SeedCell| {
        let spread = cell.test()?;
        let end = |sign: f64| spread.sd.map(|sd| spread.mean + sign * sd);
        Some(Point { y: spread.mean, low: end(-1.0), high: end(1.0) })
    };
    let name = if tasks.is_empty() { "InMerge" } else { "Average" };
    let mut series = vec![line(name, true, &whole)];
    series.extend(tasks.iter().enumerate().map(|(task, name)| {
        line(name, false, &|cell| {
            cell.task(task).map(|spread| Point { y: spread.mean, low: None, high: None })
        })
    }));
    let baseline =
        table.baseline().and_then(|row| Some((row.method.clone(), row.cells[column].test()?.mean)));
    Figure {
        title: title.to_owned(),
        x_label: format!("{} ({})", sweep.symbol(), sweep.parameter()),
        y_label: format!("test {metric}, mean ± sd over seeds"),
        x: Axis::Categories(points.into_iter().map(|(point, _)| point).collect()),
        series,
        references: baseline.into_iter().collect(),
    }
}

/// What was merged in one layer in one epoch.
#[derive(Serialize)]
struct Merged<'a> {
    method: &'a str,
    seed: u64,
    epoch: u32,
    layer: usize,
    kernels: usize,
    steps: usize,
    tried: u64,
    merged: u64,
    mean_similarity: Option<f64>,
    /// Merges for each kernel and step.
    share: f64,
}

fn merges<'a>(
    plan: &Plan,
    rows: &'a [MergeMethod],
    column: &Column<Vec<SeedJobs>>,
    runs: &Runs,
) -> Result<Vec<Merged<'a>>, Error> {
    let mut found = Vec::new();
    for (row, seeds) in rows.iter().zip(&column.methods) {
        for jobs in seeds {
            let Some(record) = record(plan, runs, &jobs.trained)? else { continue };
            let mut before = 0;
            for epoch in &record.training()?.history {
                let steps = epoch.step - std::mem::replace(&mut before, epoch.step);
                for stats in MergeHook::of(epoch)? {
                    let MergeStats { layer, kernels, tried, merged, mean_similarity } = stats;
                    let share = merged as f64 / (kernels * steps).max(1) as f64;
                    let (method, seed, epoch) = (row.name.as_str(), jobs.seed, epoch.epoch);
                    found.push(Merged {
                        method,
                        seed,
                        epoch,
                        layer,
                        kernels,
                        steps,
                        tried,
                        merged,
                        mean_similarity,
                        share,
                    });
                }
            }
        }
    }
    Ok(found)
}

/// The share of kernels that the table's first merging method merges in a step, layer by layer over the epochs.
fn of_merges(rows: &[MergeMethod], merged: &[Merged<'_>], title: &str) -> Option<Figure> {
    let method = rows.iter().find(|row| row.inmerge.is_some())?;
    let own: Vec<_> = merged.iter().filter(|entry| entry.method == method.name).collect();
    let epochs: Vec<u32> = own.iter().map(|entry| entry.epoch).sorted().dedup().collect();
    let layers = own.iter().map(|entry| entry.layer).sorted().dedup();
    let series = layers.map(|layer| {
        let of_epoch = |epoch: &u32| {
            let shares = own.iter().filter(|entry| (entry.layer, entry.epoch) == (layer, *epoch));
            let spread = Spread::of(&shares.map(|entry| 100.0 * entry.share).collect::<Vec<_>>())?;
            Some(Point { y: spread.mean, low: None, high: None })
        };
        Series {
            name: format!("convolution {layer}"),
            points: epochs.iter().map(of_epoch).collect(),
            emphasis: false,
        }
    });
    Some(Figure {
        title: format!("{title}: {}", method.name),
        x_label: "epoch of merging".into(),
        y_label: "kernels merged in a step, %".into(),
        series: series.collect(),
        x: Axis::Numbers(epochs.iter().map(|&epoch| f64::from(epoch)).collect()),
        references: Vec::new(),
    })
}

/// How alike the kernels of one layer of a kept model are.
#[derive(Serialize)]
struct Kernels<'a> {
    method: &'a str,
    seed: u64,
    layer: usize,
    name: String,
    kernels: usize,
    effective_rank: Option<f64>,
    duplicate_share: f64,
}

fn kernels<'a>(
    plan: &Plan,
    rows: &'a [MergeMethod],
    column: &Column<Vec<SeedJobs>>,
    runs: &Runs,
) -> Result<Vec<Kernels<'a>>, Error> {
    let mut found = Vec::new();
    for (row, seeds) in rows.iter().zip(&column.methods) {
        for jobs in seeds {
            let layers = record(plan, runs, &jobs.trained)?.map_or(Vec::new(), |record| record.kernels);
            found.extend(layers.into_iter().map(|LayerKernels { layer, name, stats }| {
                let KernelStats { kernels, effective_rank, duplicate_share } = stats;
                let (method, seed) = (row.name.as_str(), jobs.seed);
                Kernels { method, seed, layer, name, kernels, effective_rank, duplicate_share }
            }));
        }
    }
    Ok(found)
}

fn csv(lines: &[impl Serialize]) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    lines
        .iter()
        .try_for_each(|line| writer.serialize(line))
        .map_err(|error| Error::Job(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| Error::Job(error.to_string()))?;
    Ok(String::from_utf8(bytes).expect("it was written from text"))
}
