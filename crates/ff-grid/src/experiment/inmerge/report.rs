//! The details of a column of a table of in-model merging, for a report.

use ff_report::report::ColumnReport;
use ff_report::{Plot, SeedTable};

use super::columns::{InmergeColumn, InmergeTable, SeedJobs};
use super::layers::merges;
use crate::catalog::Catalog;
use crate::error::Error;
use crate::job::JobId;
use crate::plan::Records;
use crate::results::{add_images, empty_column, per_class};

pub(super) fn column(
    experiment: &InmergeTable,
    at: usize,
    table: &SeedTable,
    records: Records<'_>,
    catalog: &Catalog,
) -> Result<ColumnReport, Error> {
    let column = &experiment.columns[at];
    let mut report = empty_column(&column.head);
    if column.head.blocked.is_none() {
        let rows = experiment.config.rows();
        let merged = merges(&rows, column, records)?;
        let figures = experiment.figures(at, table, &merged).into_iter();
        report.figures = figures.map(|(_, figure)| Plot::Lines(figure)).collect();
        report.runs = records.training_runs(column.methods.iter().flatten().map(|jobs| &jobs.trained))?;
        add_images(&mut report, &column.head.dataset, catalog, skipped(column, records)?);
        for (name, jobs) in shown(experiment, at, table) {
            match jobs.test.as_deref().map(|id| records.scored_predictions(id)) {
                Some(Ok(predictions)) => report.per_class_reports.push(per_class(&name, &predictions)),
                Some(Err(why)) => report.missing.push(format!("{name}: {why}")),
                None => {}
            }
        }
    }
    Ok(report)
}

/// Counts the unreadable training and test images that were left out.
fn skipped(column: &InmergeColumn, records: Records<'_>) -> Result<[usize; 3], Error> {
    let jobs = || column.methods.iter().flatten();
    let trained: Vec<JobId> = jobs().map(|of| of.trained.clone()).collect();
    let mut test = 0;
    for id in jobs().filter_map(|of| of.test.as_deref()) {
        test = test.max(records.skipped(id)?);
    }
    Ok([records.skipped_in_training(&trained)?, 0, test])
}

/// Returns the models whose results are shown per class, each of the first seed: of the row with
/// merging that has the best mean validation score, and of the baseline.
fn shown<'a>(experiment: &'a InmergeTable, at: usize, table: &SeedTable) -> Vec<(String, &'a SeedJobs)> {
    let rows = experiment.config.rows();
    let validation = |row: usize| {
        let scores = table.rows()[row].cells[at].runs.iter().map(|run| run.validation);
        let scores = scores.collect::<Option<Vec<f64>>>().filter(|scores| !scores.is_empty())?;
        Some(scores.iter().sum::<f64>() / scores.len() as f64)
    };
    let merging = (0..rows.len()).filter(|&row| rows[row].inmerge.is_some());
    let scored = merging.filter_map(|row| Some((row, validation(row)?)));
    let best = scored.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row);
    let models = best.into_iter().chain(experiment.config.baseline()).filter_map(|row| {
        let jobs = experiment.columns[at].methods[row].first()?;
        Some((format!("{}, seed {}", rows[row].name, jobs.seed), jobs))
    });
    models.collect()
}
