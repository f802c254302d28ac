//! Files of predictions: a file that opens can be scored.
#![no_main]

use ff_eval::{Metric, TaskKind};
use ff_grid_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(predictions) = ff_train::load_predictions(&file("predictions.safetensors", bytes)) else { return };
    let metrics = match predictions.kind() {
        TaskKind::Multiclass => &[Metric::Accuracy, Metric::MacroF1, Metric::MacroRecall][..],
        TaskKind::Multilabel => &[Metric::Auroc],
    };
    for metric in metrics {
        if let Some(value) = metric.evaluate(&predictions).value() {
            assert!((0.0..=1.0).contains(&value), "{metric}: {value}");
        }
    }
});
