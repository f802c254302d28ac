//! Results of a model per class.

use ff_eval::{BINS, Confusion, Predictions, auroc_per_output, calibration, output_table, roc_curves};
use ff_report::report::PerClassReport;

pub(crate) fn per_class(model: &str, predictions: &Predictions) -> PerClassReport {
    PerClassReport {
        model: model.to_owned(),
        rows: output_table(predictions),
        areas: auroc_per_output(predictions),
        confusion: Confusion::of(predictions),
        curves: roc_curves(predictions),
        calibration: calibration(predictions, BINS),
    }
}
