//! The forecasts of which models average, and what the selections of rows then took.

use ff_report::report::{ForecastReport, ModelForecast};
use ff_soup::{Hierarchy, Policy};
use itertools::Itertools;

use super::model::Model;
use crate::error::Error;
use crate::experiment::soups::columns::SoupsColumn;
use crate::experiment::soups::methods::MethodConfig;
use crate::job::{Diverged, ForecastRecord, Forecasted, Selection};
use crate::plan::Records;

/// Collects the forecasts of a column's pools, with the rows that are done.
pub(super) fn of(
    methods: &[MethodConfig],
    column: &SoupsColumn,
    rows: &[Model<'_>],
    records: Records<'_>,
) -> Result<Vec<ForecastReport>, Error> {
    let mut found = Vec::new();
    let pools = methods.iter().zip(&column.methods);
    let pools = pools.filter_map(|(method, jobs)| Some((method, jobs.forecast.as_ref()?)));
    for (method, id) in pools.unique_by(|(_, id)| *id) {
        let Some(record) = records.of(id)? else { continue };
        let forecast = record.forecast()?;
        let same = rows.iter().filter(|row| row.jobs.forecast.as_ref() == Some(id));
        let rows = same.filter(|row| tries_models(&row.method.select));
        let without = match method.diverged {
            Diverged::Keep => "",
            Diverged::Drop => ", without diverged runs",
        };
        found.push(ForecastReport {
            pool: format!("{}{without}", method.pool.name()),
            best: forecast.best.clone(),
            no_start: forecast.no_start,
            models: forecast.models.iter().map(|of| foreseen(forecast, of)).collect(),
            outcomes: rows.map(|row| (row.method.name.clone(), outcome(forecast, row))).collect(),
        });
    }
    Ok(found)
}

/// True if a row takes single models, one by one, by their gain.
fn tries_models(select: &Selection) -> bool {
    let greedy = |soup: Hierarchy| soup.policies.iter().copied().all(Policy::is_greedy);
    matches!(select, Selection::Pruned { .. }) || select.hierarchy().is_some_and(greedy)
}

fn foreseen(forecast: &ForecastRecord, of: &Forecasted) -> ModelForecast {
    ModelForecast {
        name: of.model.clone(),
        score: of.score,
        from_start: of.from_start,
        other_start: forecast.other_starts().any(|other| other.model == of.model),
        angle: of.angle,
        distance: of.distance,
        barrier: of.barrier,
        worth: forecast.is_worth_trying(of),
    }
}

/// Counts the models that a row took and that it did not take: first those that are worth trying,
/// then the others. The best model, the one that a greedy selection begins with, and models that were
/// filtered are not counted.
fn outcome(forecast: &ForecastRecord, row: &Model<'_>) -> [[usize; 2]; 2] {
    let taken = row.soup.soup.average.shares();
    let filtered = row.method.filter().map_or(Vec::new(), |filter| filter.left_out(forecast));
    let mut counts = [[0; 2]; 2];
    let mut decisions = row.soup.soup.decisions.iter();
    let first = decisions.find(|of| of.before.is_none() && of.tried.is_some()).map(|of| &of.candidate);
    let others = forecast.models.iter().filter(|of| of.model != forecast.best && Some(&of.model) != first);
    for of in others {
        if filtered.iter().all(|(id, _)| *id != of.model) {
            let is_taken = taken.iter().any(|(id, _)| *id == of.model);
            counts[usize::from(!forecast.is_worth_trying(of))][usize::from(!is_taken)] += 1;
        }
    }
    counts
}
