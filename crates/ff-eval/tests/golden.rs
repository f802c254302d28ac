//! Every metric against scikit-learn: see tests/golden/eval/make.py. Tolerance 1e-9 (sums in another order).

use std::path::Path;

use ff_eval::{Confusion, Metric, Predictions, TaskKind, Value, auroc_per_output, class_table};
use serde_json::Value as Json;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/eval");

fn cases() -> Vec<(String, Predictions, Json)> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("expected.json")).unwrap();
    let all: Json = serde_json::from_str(&text).unwrap();
    let case = |(name, expected): (&String, &Json)| {
        let kind: TaskKind = expected["kind"].as_str().unwrap().parse().unwrap();
        let file = Path::new(FOLDER).join(format!("{name}.safetensors"));
        (name.clone(), Predictions::read(&file, kind).unwrap(), expected.clone())
    };
    all.as_object().unwrap().iter().map(case).collect()
}

/// null is "undefined".
#[track_caller]
fn assert_same(ours: &Value, theirs: &Json, what: &str) {
    match (ours.value(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, not {theirs}"),
        (None, None) => {}
        (_, theirs) => panic!("{what}: {ours:?}, not {theirs:?}"),
    }
}

#[test]
fn metrics_are_scikit_learns() {
    let cases = cases();
    assert_eq!(cases.len(), 12);
    for (name, predictions, expected) in cases {
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
