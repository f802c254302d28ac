//! Operating points and decision curves compared with scikit-learn and NumPy
//! (tests/golden/eval/decisions.py). Intervals have their own tolerance, since the resamples differ.

use ff_eval::{
    Calibrator, Estimate, OperatingPoint, OperatingRule, OperatingScore, Predictions, decision_curve,
};
use serde_json::{Value as Json, json};

use super::{assert_near, assert_same, pairs};

const THRESHOLDS: [f64; 4] = [0.07, 0.21, 0.33, 0.55];
const RULES: [(&str, OperatingRule); 4] = [
    ("youden", OperatingRule::Youden {}),
    ("sensitivity", OperatingRule::Sensitivity { at_least: 0.9 }),
    ("specificity", OperatingRule::Specificity { at_least: 0.8 }),
    ("cost", OperatingRule::Cost { false_negative: 5.0, false_positive: 1.0, prevalence: None }),
];

/// The outputs that have positives and negatives: names, models and expected values.
fn outputs() -> impl Iterator<Item = (String, usize, [Predictions; 2], Json)> {
    pairs("decisions.json").flat_map(|(name, models, expected)| {
        let of_output = move |(output, expected): (usize, &Json)| {
            (format!("{name}, output {output}"), output, models.clone(), expected.clone())
        };
        let found: Vec<_> = expected.as_array().unwrap().iter().enumerate().map(of_output).collect();
        found.into_iter().filter(|of| !of.3.is_null())
    })
}

#[test]
fn operating_points_match_scikit_learn() {
    let mut points = 0;
    for (what, output, [validation, test], expected) in outputs() {
        let calibrator = Calibrator::none(validation.kind());
        for (name, rule) in RULES {
            let (what, theirs) = (format!("{what}, {name}"), &expected["rules"][name]);
            let point = OperatingPoint::choose(rule, output, &calibrator, &validation).unwrap();
            assert_near(point.threshold, &theirs["threshold"], &what);
            assert_near(point.sensitivity, &theirs["sensitivity"], &what);
            assert_near(point.specificity, &theirs["specificity"], &what);
            let score =
                |prevalence| OperatingScore::of(&point, &calibrator, &test, prevalence, 0, 0).unwrap();
            let OperatingScore { true_positives, false_positives, true_negatives, false_negatives, .. } =
                score(None);
            let counts = json!([true_positives, false_positives, true_negatives, false_negatives]);
            assert_eq!(counts, theirs["counts"], "{what}");
            for (score, theirs) in [(score(None), &theirs["rates"]), (score(Some(0.05)), &theirs["rare"])] {
                for (at, ours) in rates(&score).into_iter().enumerate() {
                    assert_same(&ours.value, &theirs[at], &format!("{what}, rate {at}"));
                }
            }
            points += 1;
        }
    }
    assert!(points > 60, "{points}");
}

#[test]
fn decision_curves_match_numpy() {
    for (what, output, [_, test], expected) in outputs() {
        let calibrator = Calibrator::none(test.kind());
        let curve = decision_curve(output, &calibrator, &test, &THRESHOLDS, 0, 0).unwrap();
        for (point, theirs) in curve.points.iter().zip(expected["curve"].as_array().unwrap()) {
            assert_same(&point.model.value, &theirs[0], &what);
            assert_near(point.treat_all, &theirs[1], &what);
        }
    }
}

#[test]
fn intervals_match_numpy() {
    let mut found = outputs().filter(|(.., expected)| expected["intervals"].is_array());
    let (_, output, [validation, test], expected) = found.next().unwrap();
    let calibrator = Calibrator::none(test.kind());
    let point = OperatingPoint::choose(RULES[0].1, output, &calibrator, &validation).unwrap();
    let score = OperatingScore::of(&point, &calibrator, &test, None, 4000, 0).unwrap();
    let curve = decision_curve(output, &calibrator, &test, &THRESHOLDS, 4000, 0).unwrap();
    for (at, ours) in rates(&score).into_iter().chain([&curve.points[2].model]).enumerate() {
        let (interval, theirs) = (ours.interval.unwrap(), &expected["intervals"][at]);
        for (ours, theirs) in [interval.low, interval.high].into_iter().zip([&theirs[0], &theirs[1]]) {
            // 4,000 resamples, compared with 20,000.
            assert!((ours - theirs.as_f64().unwrap()).abs() < 0.01, "{at}: {interval:?}, not {theirs}");
        }
    }
}

fn rates(score: &OperatingScore) -> [&Estimate; 4] {
    [&score.sensitivity, &score.specificity, &score.ppv, &score.npv]
}
