//! Tables over seeds as CSV: a line for each method, column, seed and task.

use ff_eval::Value;
use itertools::Itertools;
use serde::Serialize;

use crate::csv::csv;
use crate::seeds::data::{SeedCell, SeedColumn, SeedRun};
use crate::seeds::notes;
use crate::seeds::table::SeedTable;

#[derive(Clone, Default, Serialize)]
struct Line<'a> {
    method: &'a str,
    backbone: &'a str,
    dataset: &'a str,
    metric: &'static str,
    seed: Option<u64>,
    task: Option<&'a str>,
    validation: Option<f64>,
    test: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    chance: Option<f64>,
    collapsed: Option<bool>,
    samples: Option<u64>,
    positives: Option<u64>,
    negatives: Option<u64>,
    note: String,
}

impl SeedTable {
    /// Writes the values of single runs as CSV.
    ///
    /// There is a line for each method, column and seed, with an empty `task`. In a multilabel
    /// column its value is the mean over tasks, and a line for each task follows. A cell without
    /// runs has one line without a seed.
    pub fn to_csv(&self) -> String {
        let mut lines = Vec::new();
        for row in self.rows() {
            for (cell, column) in row.cells.iter().zip(self.columns()) {
                let place = Line {
                    method: &row.method,
                    backbone: &column.backbone,
                    dataset: &column.dataset,
                    metric: column.metric.name(),
                    note: cell.note.clone().unwrap_or_default(),
                    ..Line::default()
                };
                if cell.runs.is_empty() {
                    lines.push(place.clone());
                }
                for run in &cell.runs {
                    lines.push(of_run(&place, run, cell, column));
                    lines.extend(of_tasks(&place, run, column));
                }
            }
        }
        csv(&lines)
    }
}

fn of_run<'a>(place: &Line<'a>, run: &SeedRun, cell: &SeedCell, column: &SeedColumn) -> Line<'a> {
    let interval = run.test.as_ref().and_then(|score| score.interval);
    let mut said = cell.note.iter().cloned().chain(notes::of_run(run, cell, column));
    Line {
        seed: Some(run.seed),
        validation: run.validation,
        test: run.test_value(),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        chance: run.chance().level,
        collapsed: run.test.as_ref().map(|score| score.chance.collapsed),
        samples: run.test.as_ref().map(|score| score.samples as u64),
        note: said.join("; "),
        ..place.clone()
    }
}

fn of_tasks<'a>(place: &Line<'a>, run: &SeedRun, column: &'a SeedColumn) -> impl Iterator<Item = Line<'a>> {
    let outputs = run.test.iter().flat_map(|score| &score.outputs);
    column.tasks.iter().zip(outputs).map(|(task, of)| Line {
        seed: Some(run.seed),
        task: Some(task),
        test: of.value.value(),
        samples: Some(of.positives + of.negatives),
        positives: Some(of.positives),
        negatives: Some(of.negatives),
        note: match &of.value {
            Value::Undefined(why) => notes::with_names(why, column),
            Value::Defined(_) => String::new(),
        },
        ..place.clone()
    })
}
