//! Means of two models' probabilities compared with SciPy and scikit-learn
//! (tests/golden/eval/ensemble.py).

use ff_eval::{Error, Metric, Predictions, TaskKind};

use super::{assert_same, pairs};

#[test]
fn ensembles_match_scipy_and_scikit_learn() {
    let mut metrics = 0;
    for (name, models, expected) in pairs("ensemble.json") {
        let mean = Predictions::mean(models.map(Ok::<_, Error>)).unwrap();
        for metric in Metric::ALL.into_iter().filter(|metric| metric.applies_to(mean.kind())) {
            metrics += 1;
            let (ours, theirs) = (metric.evaluate(&mean), &expected[metric.name()]);
            if metric == Metric::LogLoss {
                // Logits are 32-bit floats, which no other metric depends on so closely.
                let (ours, theirs) = (ours.value().unwrap(), theirs.as_f64().unwrap());
                assert!((ours - theirs).abs() < 1e-6, "{name}, {metric}: {ours}, not {theirs}");
            } else {
                assert_same(&ours, theirs, &format!("{name}, {metric}"));
            }
        }
        for (at, row) in expected["first"].as_array().unwrap().iter().enumerate() {
            for (&logit, theirs) in mean.row(at).iter().zip(row.as_array().unwrap()) {
                let power = f64::from(logit).exp();
                let ours = if mean.kind() == TaskKind::Multiclass { power } else { power / (1.0 + power) };
                // Logits are 32-bit floats.
                assert!(
                    (ours - theirs.as_f64().unwrap()).abs() < 1e-6,
                    "{name}, row {at}: {ours}, not {theirs}"
                );
            }
        }
    }
    assert_eq!(metrics, 3 * 6 + 3 * 2);
}
