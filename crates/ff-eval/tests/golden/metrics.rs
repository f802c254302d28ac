//! Every metric against scikit-learn: see tests/golden/eval/make.py.

use ff_eval::{Confusion, Metric, Predictions, Value, auroc_per_output, class_table};
use serde_json::Value as Json;

use crate::{assert_near, predictions};

fn cases() -> impl Iterator<Item = (String, Predictions, Json)> {
    crate::cases("expected.json").into_iter().map(|(name, expected)| {
        let predictions = predictions(&name, &expected);
        (name, predictions, expected)
    })
}

/// null is "undefined".
#[track_caller]
pub fn assert_same(ours: &Value, theirs: &Json, what: &str) {
    match ours.value() {
        Some(ours) => assert_near(ours, theirs, what),
        None => assert!(theirs.is_null(), "{what}: {ours:?}, not {theirs}"),
    }
}

#[test]
fn metrics_are_scikit_learns() {
    assert_eq!(cases().count(), 12);
    for (name, predictions, expected) in cases() {
        for metric in Metric::ALL.into_iter().filter(|metric| metric.applies_to(predictions.kind())) {
            let theirs = &expected.as_object().unwrap()[metric.name()];
            assert_same(&metric.evaluate(&predictions), theirs, &format!("{name}, {metric}"));
        }
    }
}

#[test]
fn areas_per_output_are_scikit_learns() {
    for (name, predictions, expected) in cases() {
        let ours = auroc_per_output(&predictions);
        let theirs = expected["outputs"].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_same(&ours.value, theirs, &format!("{name}, output {}", ours.output));
        }
    }
}

#[test]
fn class_tables_are_scikit_learns() {
    for (name, predictions, expected) in cases() {
        let Some(confusion) = Confusion::of(&predictions) else { continue };
        for row in class_table(&confusion) {
            let class = row.class;
            assert_eq!(
                Json::from(confusion.row(class)),
                expected["confusion"][class],
                "{name}, class {class}"
            );
            assert_eq!(Json::from(row.support), expected["support"][class], "{name}, class {class}");
            for (what, ours) in [("precision", &row.precision), ("recall", &row.recall), ("f1", &row.f1)] {
                assert_same(ours, &expected[what][class], &format!("{name}, {what} of class {class}"));
            }
        }
    }
}
