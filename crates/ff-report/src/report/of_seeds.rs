//! Methods over seeds of a data set with a network: the advice, and the tables of scores.

use crate::report::advice::{Advice, Dot, ImageSet, Worth};
use crate::report::data::ColumnReport;
use crate::section::Section;
use crate::seeds::{SeedRow, SeedTable, test_text};

/// The index of a column of the report in the table.
fn place(column: &ColumnReport, table: &SeedTable) -> Option<usize> {
    table.columns().iter().position(|of| of.backbone == column.backbone && of.dataset == column.dataset)
}

pub(super) fn advice<'a>(column: &'a ColumnReport, table: &SeedTable) -> Advice<'a> {
    let at = place(column, table);
    // A collapsed model is not recommended.
    let validation = |row: &SeedRow| {
        let cell = row.cells.get(at?).filter(|cell| !cell.chance().collapsed);
        Some(cell?.validation()?.mean)
    };
    // Of equal means, the baseline, then the first row.
    let others = table.rows().iter().rev().chain(table.baseline());
    let best = others.filter_map(|row| Some((row, validation(row)?))).max_by(|a, b| a.1.total_cmp(&b.1));
    let take = best.map(|(row, _)| row.method.clone());
    let sentence = match &take {
        Some(take) => [
            format!("Take {take}"),
            format!("it has the best mean {} on validation images.", column.metric.title()),
        ],
        None => ["No method to take".to_owned(), "no row has a score on validation images.".to_owned()],
    };
    let baseline = table.baseline();
    let others = table.rows().iter().filter(|row| baseline.is_some_and(|of| of.method != row.method));
    let dot = |row: &SeedRow| Some(Dot::paired(&row.cells[at?].difference(&baseline?.cells[at?])?));
    Advice {
        column,
        metric: column.metric,
        sentence,
        worth: best.map(|(_, mean)| Worth { validation: Some(mean), cross_fitted: None }),
        sets: vec![ImageSet::Test],
        scores: vec![best.zip(at).and_then(|((row, _), at)| test_text(&row.cells[at]))],
        chances: vec![at.and_then(|at| table.rows().iter().find_map(|row| row.cells[at].chance().level))],
        chances_less: vec![at.and_then(|at| chance_less(table, at))],
        cost: best.map(|(row, _)| row.cost),
        baseline: baseline.map(|of| of.method.clone()),
        baseline_is: "the baseline",
        dots: others.map(|row| (row.method.clone(), vec![dot(row)])).collect(),
        warnings: column.warnings.clone(),
        take,
    }
}

/// The chance level less the baseline's mean score.
fn chance_less(table: &SeedTable, at: usize) -> Option<f64> {
    let level = table.rows().iter().find_map(|row| row.cells[at].chance().level)?;
    Some(level - table.baseline()?.cells[at].test()?.mean)
}

/// The tables of every score of a data set with a network.
pub(super) fn scores(column: &ColumnReport, table: &SeedTable) -> Vec<Section> {
    place(column, table).map_or(Vec::new(), |at| table.of_column(at))
}
