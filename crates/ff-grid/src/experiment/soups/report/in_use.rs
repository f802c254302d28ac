//! The delivered soup in use, on the test split.

use std::sync::Arc;

use ff_data::DatasetConfig;
use ff_eval::{
    BINS, CalibrationScore, Column, Decision, OperatingScore, Predictions, Subgroups, calibration,
    decision_curve,
};
use ff_report::report::InUse;

use super::model::Model;
use super::test_images::test_images;
use crate::catalog::{Catalog, OpenDataset};
use crate::error::Error;
use crate::experiment::soups::columns::{SoupsColumn, SoupsTable};
use crate::plan::Records;

/// Evaluates the soup that is delivered, with its decision and notes on it; `None` without its test
/// predictions.
pub(super) fn of(
    table: &SoupsTable,
    column: &SoupsColumn,
    records: Records<'_>,
    catalog: &Catalog,
    model: &Model<'_>,
    (Decision { calibrator, points }, notes): &(Decision, Vec<String>),
) -> Result<Option<InUse>, Error> {
    let Some(evaluation) = model.jobs.test.as_deref() else { return Ok(None) };
    let Ok(predictions) = records.scored_predictions(evaluation) else { return Ok(None) };
    let mut notes = notes.clone();
    let (resamples, seed) = (table.config.evaluation.resamples, table.config.evaluation.seed);
    let calibrated = calibrator.apply(&predictions)?;
    let score = |of: &Predictions| CalibrationScore::of(of, BINS, resamples, seed);
    let thresholds: Vec<f64> = (1..100).map(|percent| f64::from(percent) / 100.0).collect();
    let (mut scored, mut curves) = (Vec::new(), Vec::new());
    for point in points {
        let prevalence = table.config.decision.prevalence;
        let of = OperatingScore::of(point, calibrator, &predictions, prevalence, resamples, seed)?;
        scored.push((*point, of));
        curves.extend(decision_curve(point.output, calibrator, &predictions, &thresholds, 0, 0));
    }
    let images = test_images(records, catalog, evaluation, predictions.len());
    let has_attributes = matches!(
        &column.head.dataset.source, DatasetConfig::Manifest(manifest) if !manifest.attributes.is_empty()
    );
    if let (Err(why), true) = (&images, has_attributes) {
        notes.push(format!("no subgroups: {why}"));
    }
    let (mut subgroups, mut points_by_value) = (Vec::new(), Vec::new());
    for of in images.iter().flat_map(|(data, indices)| columns(data, indices)) {
        let metrics = [column.head.dataset.metric];
        match Subgroups::of(&metrics, &predictions, &of, resamples, seed) {
            Ok(found) => {
                subgroups.push(found);
                if let [(point, _)] = &scored[..] {
                    let by_value =
                        OperatingScore::by_value(point, calibrator, &predictions, &of, resamples, seed)?;
                    points_by_value.push(by_value);
                }
            }
            Err(error) => notes.push(error.to_string()),
        }
    }
    Ok(Some(InUse {
        model: model.method.name.clone(),
        calibration: [score(&predictions), score(&calibrated)],
        diagrams: [calibration(&predictions, BINS), calibration(&calibrated, BINS)],
        points: scored,
        curves,
        subgroups,
        points_by_value,
        notes,
    }))
}

/// The attributes of the images of each row of the predictions.
fn columns(data: &Arc<OpenDataset>, indices: &[usize]) -> Vec<Column> {
    let attributes = data.dataset.inventory().attributes.iter();
    let of_rows = attributes.map(|attribute| {
        let values: Vec<Option<&str>> =
            indices.iter().map(|&index| attribute.values[index].as_deref()).collect();
        Column::new(&attribute.name, &values)
    });
    of_rows.collect()
}
