//! Calibrators compared with SciPy and scikit-learn (tests/golden/eval/calibrators.py).
//!
//! Temperatures and lines are compared with SciPy's roots at 1e-9, with scikit-learn's minima, which
//! stop earlier, at 1e-6.

use ff_eval::{CalibrationMethod, Calibrator, Predictions, TaskKind, TaskMap};
use serde_json::Value as Json;

use super::{assert_near, cases, read};

#[test]
fn temperatures_match_scipy_and_scikit_learn() {
    let mut found = 0;
    for (name, predictions, expected) in models(TaskKind::Multiclass) {
        let fitted = Calibrator::fit(CalibrationMethod::Temperature, &predictions).unwrap();
        let Calibrator::Temperature { temperature } = fitted else { panic!("{name}: {fitted:?}") };
        assert_near(temperature, &expected["temperature"], &name);
        assert_close(temperature, &expected["scikit_learn"], &name);
        found += 1;
    }
    assert_eq!(found, 7);
}

#[test]
fn lines_match_scipy_and_scikit_learn() {
    let (mut rising, mut others) = (0, 0);
    for (what, map, expected) in tasks(CalibrationMethod::Platt) {
        let expected = &expected["platt"];
        if let TaskMap::Platt { slope, intercept } = map {
            assert_near(slope, &expected["slope"], &what);
            assert_near(intercept, &expected["intercept"], &what);
            assert_close(slope, &expected["scikit_learn"][0], &what);
            assert_close(intercept, &expected["scikit_learn"][1], &what);
            rising += 1;
        } else {
            assert!(expected["slope"].as_f64().is_none_or(|slope| slope < 0.0), "{what}: {map:?}");
            others += 1;
        }
    }
    assert_eq!((rising, others), (10, 9));
}

#[test]
fn isotonic_maps_match_scikit_learn() {
    let mut found = 0;
    for (what, map, expected) in tasks(CalibrationMethod::Isotonic) {
        let TaskMap::Isotonic { knots } = &map else {
            assert!(expected.is_null(), "{what}: {map:?}");
            continue;
        };
        let theirs = expected["isotonic"]["knots"].as_array().unwrap();
        assert_eq!(knots.len(), theirs.len(), "{what}");
        for (ours, theirs) in knots.iter().zip(theirs) {
            assert_near(ours.0, &theirs[0], &what);
            assert_near(ours.1, &theirs[1], &what);
        }
        for (at, theirs) in expected["isotonic"]["points"].as_array().unwrap().iter().enumerate() {
            assert_near(map.probability(at as f32 / 2.0 - 6.0), theirs, &what);
        }
        found += 1;
    }
    assert_eq!(found, 13);
}

fn models(kind: TaskKind) -> impl Iterator<Item = (String, Predictions, Json)> {
    let models = cases("calibrators.json").into_iter().map(|(name, expected)| {
        let predictions = read(&name);
        (name, predictions, expected)
    });
    models.filter(move |(_, predictions, _)| predictions.kind() == kind)
}

/// The fitted map and the expected ones of each task.
fn tasks(method: CalibrationMethod) -> impl Iterator<Item = (String, TaskMap, Json)> {
    models(TaskKind::Multilabel).flat_map(move |(name, predictions, expected)| {
        let fitted = Calibrator::fit(method, &predictions).unwrap();
        let Calibrator::Tasks { tasks } = fitted else { panic!("{name}: {fitted:?}") };
        let expected = expected["tasks"].as_array().unwrap().clone();
        assert_eq!(tasks.len(), expected.len(), "{name}");
        let of_task = move |(task, (map, expected))| (format!("{name}, task {task}"), map, expected);
        tasks.into_iter().zip(expected).enumerate().map(of_task).collect::<Vec<_>>()
    })
}

#[track_caller]
fn assert_close(ours: f64, theirs: &Json, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() < 1e-6, "{what}: {ours}, not {theirs}");
}
