//! Metrics compared with scikit-learn (tests/golden/eval/make.py).

use ff_eval::{Confusion, Metric, auroc_per_output, class_table};
use serde_json::Value as Json;

use super::{assert_same, cases, read};

#[test]
fn metrics_match_scikit_learn() {
    assert_eq!(cases("expected.json").len(), 12);
    for (name, expected) in cases("expected.json") {
        let predictions = read(&name);
        let kind = predictions.kind();
        assert_eq!(kind.name(), expected["kind"], "{name}");
        for metric in Metric::ALL.into_iter().filter(|metric| metric.applies_to(kind)) {
            let theirs = &expected.as_object().unwrap()[metric.name()];
            assert_same(&metric.evaluate(&predictions), theirs, &format!("{name}, {metric}"));
        }
    }
}

/// The chance levels are those of DummyClassifier (tests/golden/eval/chance.py).
#[test]
fn chance_levels_match_scikit_learn() {
    assert_eq!(cases("chance.json").len(), 12);
    for (name, expected) in cases("chance.json") {
        let predictions = read(&name);
        for metric in Metric::ALL.into_iter().filter(|metric| metric.applies_to(predictions.kind())) {
            let (ours, theirs) = (metric.chance_level(&predictions), expected[metric.name()].as_f64());
            let near = ours.zip(theirs).is_some_and(|(ours, theirs)| (ours - theirs).abs() < 1e-12);
            assert!(near || ours == theirs, "{name}, {metric}: {ours:?}, scikit-learn {theirs:?}");
        }
    }
}

#[test]
fn areas_per_output_match_scikit_learn() {
    for (name, expected) in cases("expected.json") {
        let ours = auroc_per_output(&read(&name));
        let theirs = expected["outputs"].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_same(&ours.value, theirs, &format!("{name}, output {}", ours.output));
        }
    }
}

#[test]
fn class_tables_match_scikit_learn() {
    for (name, expected) in cases("expected.json") {
        let Some(confusion) = Confusion::of(&read(&name)) else { continue };
        for row in class_table(&confusion) {
            let class = row.class;
            let what = format!("{name}, class {class}");
            assert_eq!(Json::from(confusion.row(class)), expected["confusion"][class], "{what}");
            assert_eq!(Json::from(row.support), expected["support"][class], "{what}");
            for (key, ours) in [("precision", &row.precision), ("recall", &row.recall), ("f1", &row.f1)] {
                assert_same(ours, &expected[key][class], &format!("{what}, {key}"));
            }
        }
    }
}
