//! The forecasts of which models average, and what the selections of rows then took.

use ff_report::report::{ForecastReport, ModelForecast};
use itertools::Itertools;

use super::model::Model;
use crate::error::Error;
use crate::experiment::soups::columns::SoupsColumn;
use crate::experiment::soups::methods::MethodConfig;
use crate::experiment::soups::outcome::outcome;
use crate::job::{Diverged, ForecastRecord, Forecasted};
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
        let outcomes =
            same.filter_map(|row| Some((row.method.name.clone(), outcome(forecast, row.method, &row.soup)?)));
        let without = match method.diverged {
            Diverged::Keep => "",
            Diverged::Drop => ", without diverged runs",
        };
        found.push(ForecastReport {
            pool: format!("{}{without}", method.pool.name()),
            best: forecast.best.clone(),
            no_start: forecast.no_start,
            models: forecast.models.iter().map(|of| foreseen(forecast, of)).collect(),
            outcomes: outcomes.collect(),
        });
    }
    Ok(found)
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
