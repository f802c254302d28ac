//! Decision curves: the net benefit of decisions by a model.

use serde::{Deserialize, Serialize};

use crate::calibrator::Calibrator;
use crate::error::Error;
use crate::estimate::{Estimate, estimates};
use crate::outcome::outcomes;
use crate::predictions::Predictions;
use crate::value::Value;

/// The net benefit of one output's decisions, at several threshold probabilities.
///
/// Source: Vickers and Elkin 2006, *Decision Curve Analysis: A Novel Method for Evaluating
/// Prediction Models*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionCurve {
    /// The index of the output: a class, which is compared with all others, or a task.
    pub output: usize,
    /// The number of positive samples.
    pub positives: u64,
    /// The number of negative samples.
    pub negatives: u64,
    /// The points, in order of their thresholds.
    pub points: Vec<DecisionPoint>,
}

/// A point of a decision curve.
///
/// The net benefit of treating nobody is 0 at each threshold. A model is of use where its net
/// benefit is above 0 and above that of treating all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionPoint {
    /// The threshold probability t, from 0 to below 1: that of a positive decision, at which a true
    /// positive is worth (1 − t)/t false positives.
    pub threshold: f64,
    /// The net benefit of the model's decisions, TP/N − FP/N · t/(1 − t), at most the prevalence:
    /// true positives for each sample, less false positives at their worth.
    pub model: Estimate,
    /// The net benefit of treating all: that of only positive decisions.
    pub treat_all: f64,
}

/// Computes the decision curve of an output, with intervals from `resamples` resamples of `seed`.
///
/// A decision is positive if the calibrated probability is at least the threshold. A task is
/// evaluated on the samples whose label is known. With 0 resamples there are no intervals. The
/// resamples are those of [`crate::bootstrap`] with the same seed.
///
/// ```
/// use ff_eval::{Calibrator, Predictions, Targets, TaskKind, decision_curve};
///
/// // Probabilities of 1/5 and 4/5.
/// let logit = 4f32.ln();
/// let labels = Targets::Labels(vec![0.0, 0.0, 1.0, 1.0]);
/// let predictions = Predictions::new(vec![-logit, logit, -logit, logit], 1, labels)?;
/// let calibrator = Calibrator::none(TaskKind::Multilabel);
/// let curve = decision_curve(0, &calibrator, &predictions, &[0.25], 0, 0)?;
/// let point = &curve.points[0];
/// assert!((point.model.value.value().unwrap() - (0.25 - 0.25 / 3.0)).abs() < 1e-12);
/// assert!((point.treat_all - (0.5 - 0.5 / 3.0)).abs() < 1e-12);
/// # Ok::<(), ff_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for a threshold outside its range, [`Error::Output`] for an output that the
/// predictions do not have, [`Error::Calibrator`] for a calibrator of other predictions, and
/// [`Error::OneSided`] without a known sample.
pub fn decision_curve(
    output: usize,
    calibrator: &Calibrator,
    predictions: &Predictions,
    thresholds: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<DecisionCurve, Error> {
    if let Some(&found) = thresholds.iter().find(|&&at| !(0.0..1.0).contains(&at)) {
        return Err(Error::Setting { name: "threshold", expected: "from 0 to below 1", found });
    }
    let outcomes = outcomes(output, calibrator, predictions)?;
    if outcomes.is_empty() {
        return Err(Error::OneSided { output, found: "no known sample" });
    }
    let mut thresholds = thresholds.to_vec();
    thresholds.sort_unstable_by(f64::total_cmp);
    // The number of thresholds at which the decision on each sample is positive.
    let reached = |probability: f64| thresholds.partition_point(|&at| at <= probability);
    let reached: Vec<(usize, usize, bool)> =
        outcomes.iter().map(|of| (of.sample, reached(of.probability), of.positive)).collect();
    let net_benefits = |times: &[u32]| -> Vec<Value> {
        let mut counts = vec![[0u64; 2]; thresholds.len() + 1];
        for &(sample, reached, positive) in &reached {
            counts[reached][usize::from(positive)] += u64::from(times[sample]);
        }
        let samples: u64 = counts.iter().flatten().sum();
        let mut above = [0; 2];
        let at = |(counts, &threshold): (&[u64; 2], &f64)| {
            above = [above[0] + counts[0], above[1] + counts[1]];
            net_benefit(above, samples, threshold)
        };
        let mut values: Vec<Value> = counts[1..].iter().zip(&thresholds).rev().map(at).collect();
        values.reverse();
        values
    };
    let positives = outcomes.iter().filter(|of| of.positive).count() as u64;
    let negatives = outcomes.len() as u64 - positives;
    let found = estimates(predictions, resamples, seed, net_benefits);
    let point = |(model, &threshold): (Estimate, &f64)| {
        let all = net_benefit([negatives, positives], outcomes.len() as u64, threshold).value();
        Some(DecisionPoint { threshold, model, treat_all: all? })
    };
    let points = found.into_iter().zip(&thresholds).filter_map(point).collect();
    Ok(DecisionCurve { output, positives, negatives, points })
}

/// The net benefit of positive decisions on so many negatives and positives.
fn net_benefit([alarms, hits]: [u64; 2], samples: u64, threshold: f64) -> Value {
    if samples == 0 {
        return Value::Undefined("no known sample".to_owned());
    }
    let share = |count: u64| count as f64 / samples as f64;
    Value::Defined(share(hits) - share(alarms) * threshold / (1.0 - threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::{Targets, TaskKind};

    const NONE: Calibrator = Calibrator::None { task: TaskKind::Multilabel };

    /// One task with so many true positives, false negatives, false positives and true negatives at
    /// thresholds from above 0.27 to 0.73.
    fn task(counts: [usize; 4]) -> Predictions {
        let kinds = [(1.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (-1.0, 0.0)];
        let samples = kinds.iter().zip(counts).flat_map(|(&kind, count)| vec![kind; count]);
        let (logits, labels) = samples.unzip();
        Predictions::new(logits, 1, Targets::Labels(labels)).unwrap()
    }

    fn curve(counts: [usize; 4], thresholds: &[f64], resamples: usize) -> DecisionCurve {
        decision_curve(0, &NONE, &task(counts), thresholds, resamples, 1).unwrap()
    }

    /// TP/N = 0.2 and FP/N = 0.1. At t = 0.2 all decisions are positive, at 0.8 none.
    #[test]
    fn net_benefits_are_those_by_hand() {
        let curve = curve([20, 10, 10, 60], &[0.5, 0.2, 0.8, 0.0], 0);
        let expected = [
            (0.0, 0.3, 0.3),
            (0.2, 0.3 - 0.7 / 4.0, 0.3 - 0.7 / 4.0),
            (0.5, 0.2 - 0.1, 0.3 - 0.7),
            (0.8, 0.0, 0.3 - 0.7 * 4.0),
        ];
        assert_eq!((curve.positives, curve.negatives, curve.points.len()), (30, 70, 4));
        for (point, (threshold, model, all)) in curve.points.iter().zip(expected) {
            assert_eq!((point.threshold, point.model.interval), (threshold, None));
            assert!((point.model.value.value().unwrap() - model).abs() < 1e-12, "{point:?}");
            assert!((point.treat_all - all).abs() < 1e-12, "{point:?}");
        }
        let json = serde_json::to_string(&curve).unwrap();
        assert_eq!(serde_json::from_str::<DecisionCurve>(&json).unwrap(), curve);
    }

    /// The mean of TP − FP at t = 1/2 has a standard error of √((0.3 − 0.1²) / N).
    #[test]
    fn widths_match_the_normal_approximation() {
        let point = curve([80, 40, 40, 240], &[0.5], 4000).points.remove(0);
        let (value, interval) = (0.1, point.model.interval.unwrap());
        let half = 1.96 * ((0.3f64 - value * value) / 400.0).sqrt();
        let near = |end: f64, expected: f64| (end - expected).abs() < 0.1 * half;
        assert!(near(interval.low, value - half) && near(interval.high, value + half), "{interval:?}");
    }

    #[test]
    fn invalid_requests_say_why() {
        let error = |predictions: &Predictions, output, threshold| {
            decision_curve(output, &NONE, predictions, &[threshold], 0, 0).unwrap_err().to_string()
        };
        let some = task([1, 1, 1, 1]);
        assert_eq!(error(&some, 0, 1.0), "threshold: expected from 0 to below 1, found 1");
        assert_eq!(error(&some, 0, f64::NAN), "threshold: expected from 0 to below 1, found NaN");
        assert_eq!(error(&some, 3, 0.5), "expected an output from 0 to 0, found 3");
        let unknown = Predictions::new(vec![0.0], 1, Targets::Labels(vec![f32::NAN])).unwrap();
        assert!(error(&unknown, 0, 0.5).ends_with("found no known sample"));
    }
}
