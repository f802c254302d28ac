use proptest::prelude::*;

use super::*;
use crate::metric::Metric;
use crate::predictions::argmax;

fn classes(logits: &[f32], outputs: usize, classes: &[usize]) -> Predictions {
    Predictions::new(logits.to_vec(), outputs, Targets::Classes(classes.to_vec())).unwrap()
}

fn task(samples: &[(f32, f32)]) -> Predictions {
    let (logits, labels) = samples.iter().copied().unzip();
    Predictions::new(logits, 1, Targets::Labels(labels)).unwrap()
}

fn temperature(predictions: &Predictions) -> f64 {
    match Calibrator::fit(CalibrationMethod::Temperature, predictions).unwrap() {
        Calibrator::Temperature { temperature } => temperature,
        other => panic!("{other:?}"),
    }
}

fn only(method: CalibrationMethod, predictions: &Predictions) -> TaskMap {
    match Calibrator::fit(method, predictions).unwrap() {
        Calibrator::Tasks { mut tasks } => tasks.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn temperatures_have_bounds() {
    // Right about all samples, wrong about all, and without an opinion.
    let logits = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(temperature(&classes(&logits, 2, &[0, 1])), 0.01);
    assert_eq!(temperature(&classes(&logits, 2, &[1, 0])), 100.0);
    assert_eq!(temperature(&classes(&[0.3, 0.3, -7.1, -7.1], 2, &[0, 1])), 1.0);
    for (temperature, upper) in [(0.01, false), (100.0, true)] {
        let notes = Calibrator::Temperature { temperature }.notes();
        assert_eq!(notes, [Note::TemperatureBound { upper }]);
    }
    assert_eq!(Calibrator::Temperature { temperature: 1.5 }.notes(), []);
}

#[test]
fn tasks_that_cannot_be_calibrated_keep_their_sigmoid() {
    let falling = [(-1.0, 1.0), (0.0, 1.0), (0.5, 0.0), (2.0, 0.0)];
    let equal = [(0.7, 1.0), (0.7, 0.0), (0.7, f32::NAN)];
    for (samples, why) in [
        (&falling[..], "its probability does not rise with its logit"),
        (&equal, "all logits are equal"),
        (&falling[..2], "no negative sample"),
        (&falling[2..], "no positive sample"),
        (&equal[2..], "no known sample"),
    ] {
        let predictions = task(samples);
        let calibrator = Calibrator::fit(CalibrationMethod::Platt, &predictions).unwrap();
        assert_eq!(calibrator.notes(), [Note::Uncalibrated { task: 0, why: why.into() }]);
        assert_eq!(calibrator.probabilities(&[0.7]), [sigmoid(0.7f32)]);
        assert_eq!(calibrator.apply(&predictions).unwrap().logits(), predictions.logits());
    }
}

/// Of separable samples the probabilities are Platt's targets: (3 + 1)/(3 + 2) and 1/(3 + 2).
#[test]
fn separable_samples_have_finite_lines() {
    for scale in [1e-30, 1.0, 1e30] {
        let samples = [(-7.0, 0.0), (-3.0, 1.0)].repeat(3);
        let samples: Vec<(f32, f32)> = samples.into_iter().map(|(z, label)| (z * scale, label)).collect();
        let map = only(CalibrationMethod::Platt, &task(&samples));
        for (z, expected) in [(-7.0, 0.2), (-3.0, 0.8)] {
            let found = map.probability(z * scale);
            assert!((found - expected).abs() < 1e-9, "{scale}: {found}, not {expected}");
        }
    }
}

#[test]
fn isotonic_maps_pool_neighbours_and_clip() {
    // Frequencies 0, 1 of one and 1/2 of two tied, which are pooled to 2/3, and 1.
    let samples = [(-1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (4.0, 1.0)];
    let map = only(CalibrationMethod::Isotonic, &task(&samples));
    let third = 2.0 / 3.0;
    assert_eq!(map, TaskMap::Isotonic { knots: vec![(-1.0, 0.0), (0.0, third), (1.0, third), (4.0, 1.0)] });
    let found = [-5.0, -1.0, -0.5, 0.25, 2.5, 4.0, 9.0].map(|logit| map.probability(logit));
    for (found, expected) in found.into_iter().zip([0.0, 0.0, third / 2.0, third, 2.5 / 3.0, 1.0, 1.0]) {
        assert!((found - expected).abs() < 1e-15, "{found}, not {expected}");
    }
    assert!((sigmoid(map.logit(-5.0)) - 1e-6).abs() < 1e-15);
    assert!((sigmoid(map.logit(9.0)) - (1.0 - 1e-6)).abs() < 1e-15);
}

#[test]
fn methods_are_for_one_kind_of_task() {
    let (multiclass, multilabel) = (classes(&[0.0; 2], 2, &[0]), task(&[(0.0, 1.0)]));
    let error = |method, predictions: &Predictions| Calibrator::fit(method, predictions).unwrap_err();
    assert_eq!(
        error(CalibrationMethod::Platt, &multiclass).to_string(),
        "expected a calibration method for multiclass predictions, found platt\nhint: the default is temperature"
    );
    assert_eq!(
        error(CalibrationMethod::Temperature, &multilabel).to_string(),
        "expected a calibration method for multilabel predictions, found temperature\nhint: the default is platt"
    );
    assert!(matches!(error(CalibrationMethod::Isotonic, &task(&[])), Error::NoSamples));

    let one_task = Calibrator::Tasks { tasks: vec![TaskMap::Platt { slope: 1.0, intercept: 0.0 }] };
    let two_tasks = Predictions::new(vec![0.0; 2], 2, Targets::Labels(vec![0.0; 2])).unwrap();
    assert_eq!(
        one_task.apply(&two_tasks).unwrap_err().to_string(),
        "calibrator: expected multilabel logits [N, 1], found multilabel logits [N, 2]\nhint: fit the calibrator to predictions of the same model"
    );
    assert!(Calibrator::Temperature { temperature: 2.0 }.apply(&multilabel).is_err());
    assert!(Calibrator::none(TaskKind::Multilabel).apply(&multiclass).is_err());
}

#[test]
fn no_calibration_is_softmax_or_sigmoid() {
    let row = [0.5, -1.25, 3.0];
    assert_eq!(Calibrator::none(TaskKind::Multiclass).probabilities(&row), softmax(&row));
    assert_eq!(Calibrator::none(TaskKind::Multilabel).probabilities(&row), row.map(sigmoid));
    assert_eq!(Calibrator::Temperature { temperature: 1.0 }.probabilities(&row), softmax(&row));
}

#[test]
fn calibrators_are_read_as_written() {
    let tasks = vec![
        TaskMap::Sigmoid { why: "no positive sample".into() },
        TaskMap::Platt { slope: 0.75, intercept: -1.5 },
        TaskMap::Isotonic { knots: vec![(-1.0, 0.0), (2.0, 0.5)] },
    ];
    for (calibrator, json) in [
        (Calibrator::none(TaskKind::Multiclass), r#"{"kind":"none","task":"multiclass"}"#),
        (Calibrator::Temperature { temperature: 1.5 }, r#"{"kind":"temperature","temperature":1.5}"#),
        (
            Calibrator::Tasks { tasks },
            r#"{"kind":"tasks","tasks":[{"kind":"sigmoid","why":"no positive sample"},{"kind":"platt","slope":0.75,"intercept":-1.5},{"kind":"isotonic","knots":[[-1.0,0.0],[2.0,0.5]]}]}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&calibrator).unwrap(), json);
        assert_eq!(serde_json::from_str::<Calibrator>(json).unwrap(), calibrator);
    }
    for json in [
        r#"{"kind":"temperature","temperature":0.0}"#,
        r#"{"kind":"temperature","temperature":1.0,"bias":0.0}"#,
        r#"{"kind":"tasks","tasks":[{"kind":"platt","slope":-1.0,"intercept":0.0}]}"#,
        r#"{"kind":"tasks","tasks":[{"kind":"isotonic","knots":[]}]}"#,
        r#"{"kind":"tasks","tasks":[{"kind":"isotonic","knots":[[0.0,0.5],[1.0,0.4]]}]}"#,
        r#"{"kind":"tasks","tasks":[{"kind":"isotonic","knots":[[0.0,1.5]]}]}"#,
    ] {
        assert!(serde_json::from_str::<Calibrator>(json).is_err(), "{json}");
    }
}

proptest! {
    /// The predicted class stays the same, up to ties by rounding, and log loss does not rise.
    #[test]
    fn temperatures_keep_the_predicted_class(
        rows in prop::collection::vec((0usize..3, prop::array::uniform3(-9.0f32..9.0)), 1..30),
    ) {
        let logits: Vec<f32> = rows.iter().flat_map(|row| row.1).collect();
        let targets: Vec<usize> = rows.iter().map(|row| row.0).collect();
        let predictions = classes(&logits, 3, &targets);
        let calibrator = Calibrator::fit(CalibrationMethod::Temperature, &predictions).unwrap();
        let calibrated = calibrator.apply(&predictions).unwrap();
        for (sample, taken) in predictions.argmax().enumerate() {
            let probabilities = calibrator.probabilities(predictions.row(sample));
            prop_assert!(probabilities.iter().all(|&p| p <= probabilities[taken]));
            let row = calibrated.row(sample);
            prop_assert_eq!(row[argmax(row)], row[taken]);
        }
        let loss = |of: &Predictions| Metric::LogLoss.evaluate(of).value().unwrap();
        prop_assert!(loss(&calibrated) >= loss(&predictions) - 1e-5);
    }

    /// Calibrated probabilities of a task never fall with the logit, and `apply` gives their logits.
    #[test]
    fn maps_of_tasks_rise(
        samples in prop::collection::vec((-9.0f32..9.0, any::<bool>()), 1..40),
        platt: bool,
    ) {
        let samples: Vec<(f32, f32)> = samples.into_iter().map(|(z, yes)| (z, f32::from(u8::from(yes)))).collect();
        let predictions = task(&samples);
        let method = if platt { CalibrationMethod::Platt } else { CalibrationMethod::Isotonic };
        let calibrator = Calibrator::fit(method, &predictions).unwrap();
        let points = (-40..=40).map(|at| 0.25 * at as f32);
        let found: Vec<f64> = points.map(|logit| calibrator.probabilities(&[logit])[0]).collect();
        prop_assert!(found.is_sorted() && found.iter().all(|p| (0.0..=1.0).contains(p)), "{found:?}");
        for (logit, (z, _)) in calibrator.apply(&predictions).unwrap().logits().iter().zip(samples) {
            prop_assert!((sigmoid(*logit) - calibrator.probabilities(&[z])[0]).abs() < 2e-6);
        }
    }

    /// Pooled frequencies add up to the number of positives.
    #[test]
    fn isotonic_maps_keep_the_mean(
        samples in prop::collection::vec((-3i8..4, any::<bool>()), 2..40),
    ) {
        let positives = samples.iter().filter(|of| of.1).count();
        prop_assume!(positives > 0 && positives < samples.len());
        let samples: Vec<(f32, f32)> =
            samples.into_iter().map(|(z, yes)| (f32::from(z), f32::from(u8::from(yes)))).collect();
        let map = only(CalibrationMethod::Isotonic, &task(&samples));
        let sum: f64 = samples.iter().map(|of| map.probability(of.0)).sum();
        prop_assert!((sum - positives as f64).abs() < 1e-9, "{sum}, not {positives}");
    }
}
