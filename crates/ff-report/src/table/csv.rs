//! Tables as CSV: a line for each method, column and dataset scored on.

use ff_eval::Score;
use itertools::Itertools;
use serde::Serialize;

use crate::cost::Cost;
use crate::csv::csv;
use crate::format;
use crate::rank::Rank;
use crate::table::data::{Cell, Column, Row, Table};

#[derive(Default, Serialize)]
struct Line<'a> {
    method: &'a str,
    backbone: &'a str,
    dataset: &'a str,
    metric: &'static str,
    scored_on: &'a str,
    validation: Option<f64>,
    cross_fitted: Option<f64>,
    optimism: Option<f64>,
    test: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    chance: Option<f64>,
    collapsed: Option<bool>,
    samples: Option<usize>,
    groups: Option<usize>,
    rank: Option<Rank>,
    paper: Option<f64>,
    difference: Option<f64>,
    note: String,
    training_epochs: u64,
    training_images: u64,
    validation_passes: u64,
    validation_images: u64,
    cross_fitting_images: u64,
    wall_seconds: Option<f64>,
}

impl Table {
    /// Writes the table as CSV.
    ///
    /// There is a line for each method and column, in which `scored_on` is the column's dataset. A
    /// line for each OOD set follows, without validation values, rank and published value. The cost
    /// is that of the method as a whole, repeated in all its lines: do not add it up.
    pub fn to_csv(&self) -> String {
        let mut lines = Vec::new();
        let ranks: Vec<_> = (0..self.columns().len()).map(|column| self.ranks(column)).collect();
        for (nth, row) in self.rows().iter().enumerate() {
            for ((cell, column), ranks) in row.cells.iter().zip(self.columns()).zip(&ranks) {
                let own = Line {
                    validation: cell.validation,
                    cross_fitted: cell.cross_fitted,
                    optimism: cell.optimism(),
                    rank: ranks[nth],
                    paper: cell.paper,
                    difference: cell.difference(),
                    ..line(row, column, cell, &column.dataset, cell.test.as_ref())
                };
                let ood = cell.ood.iter().map(|(name, score)| line(row, column, cell, name, score.as_ref()));
                lines.extend([own].into_iter().chain(ood));
            }
        }
        csv(&lines)
    }
}

fn line<'a>(
    row: &'a Row,
    column: &'a Column,
    cell: &Cell,
    scored_on: &'a str,
    score: Option<&Score>,
) -> Line<'a> {
    let Cost {
        training_epochs,
        training_images,
        validation_passes,
        validation_images,
        cross_fitting_images,
        wall_seconds,
    } = row.cost;
    let interval = score.and_then(|score| score.interval);
    let mut notes = cell.note.iter().cloned().chain(score.into_iter().flat_map(format::notes));
    Line {
        method: &row.method,
        backbone: &column.backbone,
        dataset: &column.dataset,
        metric: column.metric.name(),
        scored_on,
        test: score.and_then(|score| score.value.value()),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        chance: score.and_then(|score| score.chance.level),
        collapsed: score.map(|score| score.chance.collapsed),
        samples: score.map(|score| score.samples),
        groups: score.and_then(|score| score.groups),
        note: notes.join("; "),
        training_epochs,
        training_images,
        validation_passes,
        validation_images,
        cross_fitting_images,
        wall_seconds,
        ..Line::default()
    }
}
