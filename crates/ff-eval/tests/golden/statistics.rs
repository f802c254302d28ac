//! Comparisons, curves and calibration, compared with scikit-learn, SciPy and NumPy
//! (tests/golden/eval/statistics.py). The bootstrap has its own tolerance, since its resamples
//! differ.

use ff_eval::{DeLong, Metric, bootstrap_difference, calibration, delong, output_table, roc_curves};

use super::{assert_near, assert_same, assert_same_test, pairs};

#[test]
fn delong_matches_its_definition() {
    let mut tests = 0;
    for (name, [baseline, other], expected) in pairs("statistics.json") {
        let found = delong(&baseline, &other).unwrap();
        let theirs = expected["delong"].as_array().unwrap();
        assert_eq!(found.len(), theirs.len(), "{name}");
        for (of, theirs) in found.iter().zip(theirs) {
            let what = format!("{name}, output {}", of.output);
            match &of.outcome {
                DeLong::Undefined(_) => assert!(theirs.is_null(), "{what}"),
                DeLong::Defined(of) => {
                    tests += 1;
                    assert_same_test(of, theirs, &what);
                }
            }
        }
    }
    assert!(tests > 15, "{tests}");
}

#[test]
fn curves_match_scikit_learn() {
    for (name, [predictions, _], expected) in pairs("statistics.json") {
        let found = roc_curves(&predictions);
        let theirs = expected["roc"].as_array().unwrap();
        assert_eq!(found.len(), theirs.len(), "{name}");
        for (ours, theirs) in found.iter().zip(theirs) {
            let (what, theirs) = (format!("{name}, output {}", ours.output), theirs.as_array().unwrap());
            assert_eq!(ours.points.len(), theirs.len(), "{what}");
            for (point, theirs) in ours.points.iter().zip(theirs) {
                assert_near(point.false_positive_rate, &theirs[0], &what);
                assert_near(point.true_positive_rate, &theirs[1], &what);
            }
        }
    }
}

#[test]
fn calibration_matches_scikit_learn() {
    for (name, [predictions, _], expected) in pairs("statistics.json") {
        let found = calibration(&predictions, 10);
        let theirs = expected["calibration"].as_array().unwrap();
        assert_eq!(found.len(), theirs.len(), "{name}");
        for (ours, theirs) in found.iter().zip(theirs) {
            let what = format!("{name}, task {:?}", ours.task);
            let counts: Vec<u64> = ours.bins.iter().map(|bin| bin.samples).collect();
            assert_eq!(serde_json::json!(counts), theirs["counts"], "{what}");
            for (at, bin) in ours.bins.iter().filter(|bin| bin.samples > 0).enumerate() {
                assert_near(bin.said, &theirs["said"][at], &what);
                assert_near(bin.found, &theirs["found"][at], &what);
            }
            assert_near(ours.ece, &theirs["ece"], &what);
            assert_near(ours.brier, &theirs["brier"], &what);
        }
    }
}

#[test]
fn precision_and_recall_of_tasks_match_scikit_learn() {
    let mut rows = 0;
    for (name, [predictions, _], expected) in pairs("statistics.json") {
        let Some(theirs) = expected["table"].as_array() else { continue };
        for (ours, theirs) in output_table(&predictions).iter().zip(theirs) {
            rows += 1;
            let what = format!("{name}, task {}", ours.class);
            assert_eq!(
                serde_json::json!([ours.support, ours.predicted]),
                serde_json::json!([theirs["support"], theirs["predicted"]]),
                "{what}"
            );
            for (key, value) in [("precision", &ours.precision), ("recall", &ours.recall), ("f1", &ours.f1)] {
                assert_same(value, &theirs[key], &format!("{what}, {key}"));
            }
        }
    }
    assert_eq!(rows, 8);
}

#[test]
fn differences_match_scikit_learn_and_numpy() {
    for (name, [baseline, other], expected) in pairs("statistics.json") {
        for (metric, theirs) in expected["difference"].as_object().into_iter().flatten() {
            let of: Metric = metric.parse().unwrap();
            let found = bootstrap_difference(of, &baseline, &other, 4000, 0).unwrap().unwrap();
            assert_near(found.value, theirs, &format!("{name}, {metric}"));
            if let Some(ends) = expected["bootstrap"][metric].as_array() {
                let interval = found.interval.unwrap();
                for (ours, theirs) in [interval.low, interval.high].into_iter().zip(ends) {
                    // 150 samples; 4,000 resamples, compared with 20,000.
                    assert!(
                        (ours - theirs.as_f64().unwrap()).abs() < 0.008,
                        "{metric}: {interval:?}, not {ends:?}"
                    );
                }
            }
        }
    }
}
