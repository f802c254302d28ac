//! A column of a table of in-model merging in detail.

use ff_report::report::ColumnReport;
use ff_report::{Plot, SeedTable};

use super::columns::{InmergeColumn, SeedJobs};
use super::config::InmergeConfig;
use super::layers::merges;
use super::table::figures;
use crate::error::Error;
use crate::plan::Plan;
use crate::results::{empty_column, per_class, scored_predictions, training_runs};
use crate::store::RunStore;

pub(super) fn column(
    plan: &Plan,
    config: &InmergeConfig,
    (at, column): (usize, &InmergeColumn),
    table: &SeedTable,
    runs: &RunStore,
) -> Result<ColumnReport, Error> {
    let mut report = empty_column(&column.head);
    if column.head.blocked.is_none() {
        let rows = config.rows();
        let merged = merges(plan, &rows, column, runs)?;
        let figures = figures(config, (at, column), table, &merged).into_iter();
        report.figures = figures.map(|(_, figure)| Plot::Lines(figure)).collect();
        report.runs = training_runs(plan, column.methods.iter().flatten().map(|jobs| &jobs.trained), runs)?;
        for (name, jobs) in shown(config, (at, column), table) {
            match jobs.test.as_deref().map(|id| scored_predictions(plan, runs, id)) {
                Some(Ok(predictions)) => report.per_class_reports.push(per_class(&name, &predictions)),
                Some(Err(why)) => report.missing.push(format!("{name}: {why}")),
                None => {}
            }
        }
    }
    report.missing.extend(table.rows().iter().filter_map(|row| {
        let note = row.cells[at].note.as_ref()?;
        Some(format!("{}: {note}", row.method))
    }));
    Ok(report)
}

/// The models of a study of merging that are shown class by class: of the row that merges and has the best mean validation
/// score, and of the baseline, each the first seed's.
fn shown<'a>(
    config: &InmergeConfig,
    (at, column): (usize, &'a InmergeColumn),
    table: &SeedTable,
) -> Vec<(String, &'a SeedJobs)> {
    let rows = config.rows();
    let validation = |row: usize| {
        let scores = table.rows()[row].cells[at].runs.iter().map(|run| run.validation);
        let scores = scores.collect::<Option<Vec<f64>>>().filter(|scores| !scores.is_empty())?;
        Some(scores.iter().sum::<f64>() / scores.len() as f64)
    };
    let merging = (0..rows.len()).filter(|&row| rows[row].inmerge.is_some());
    let scored = merging.filter_map(|row| Some((row, validation(row)?)));
    let best = scored.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row);
    let models = best.into_iter().chain(config.baseline()).filter_map(|row| {
        let jobs = column.methods[row].first()?;
        Some((format!("{}, seed {}", rows[row].name, jobs.seed), jobs))
    });
    models.collect()
}
