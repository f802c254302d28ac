//! Files of predictions, by both readers: what opens can be scored.
#![no_main]

use ff_eval::{Metric, Predictions, TaskKind};
use ff_grid_fuzz::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for (kind, metrics) in [
        (TaskKind::Multiclass, &[Metric::Accuracy, Metric::MacroF1, Metric::MacroRecall][..]),
        (TaskKind::Multilabel, &[Metric::Auroc]),
    ] {
        if let Ok(predictions) = Predictions::from_safetensors(bytes, kind) {
            for metric in metrics {
                if let Some(value) = metric.evaluate(&predictions).value() {
                    assert!((0.0..=1.0).contains(&value), "{metric}: {value}");
                }
            }
        }
    }
    let _ = ff_train::load_predictions(&file("predictions.safetensors", bytes));
});
