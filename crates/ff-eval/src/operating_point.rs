//! Operating points: thresholds on the calibrated probability of one output.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::auroc::{Curve, gap};
use crate::calibrator::Calibrator;
use crate::error::Error;
use crate::operating_rule::OperatingRule;
use crate::outcome::outcomes;
use crate::predictions::Predictions;

/// A threshold on the calibrated probability of one output, with the rule that chose it.
///
/// A decision is positive if the probability is at least the threshold. It is chosen on samples
/// that the model was not trained on, such as the validation split, and then evaluated on others
/// ([`crate::OperatingScore`]).
///
/// ```
/// use ff_eval::{Calibrator, OperatingPoint, OperatingRule, Predictions, Targets, TaskKind};
///
/// let labels = Targets::Labels(vec![0.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
/// let validation = Predictions::new(vec![-3.0, -2.0, -1.0, 0.0, 1.0, 2.0], 1, labels)?;
/// let calibrator = Calibrator::none(TaskKind::Multilabel);
/// let rule = OperatingRule::Sensitivity { at_least: 0.9 };
/// let point = OperatingPoint::choose(rule, 0, &calibrator, &validation)?;
/// assert_eq!((point.sensitivity, point.specificity), (1.0, 2.0 / 3.0));
/// assert!(point.is_positive(calibrator.probabilities(&[-1.0])[0]));
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// The index of the output: a class, which is compared with all others, or a task.
    pub output: usize,
    /// The rule that chose the threshold.
    pub rule: OperatingRule,
    /// The lowest probability of a positive decision, from 0; above 1 if no decision is positive.
    pub threshold: f64,
    /// The sensitivity on the samples on which the threshold was chosen.
    pub sensitivity: f64,
    /// The specificity on those samples.
    pub specificity: f64,
    /// The number of those samples that are positive.
    pub positives: u64,
    /// The number of those samples that are negative.
    pub negatives: u64,
}

/// A threshold with the numbers of positive decisions that are true and false.
struct Candidate {
    threshold: f64,
    hits: u64,
    alarms: u64,
}

impl OperatingPoint {
    /// Chooses the threshold on the probability of an output.
    ///
    /// Candidates are midway between neighbouring distinct probabilities, so that rounding does not
    /// change a decision; where no number is between two, at the upper one. Two more are 0, for
    /// only positive decisions, and the number after 1 for none.
    /// All samples with equal probabilities get the same decision. No other candidate is better in
    /// sensitivity or specificity and equal in the other. A task is evaluated on the samples whose
    /// label is known.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number of the rule outside its range, [`Error::Output`] for an output
    /// that the predictions do not have, [`Error::Calibrator`] for a calibrator of other predictions,
    /// and [`Error::OneSided`] without a known positive or without a known negative.
    pub fn choose(
        rule: OperatingRule,
        output: usize,
        calibrator: &Calibrator,
        predictions: &Predictions,
    ) -> Result<OperatingPoint, Error> {
        rule.check()?;
        let outcomes = outcomes(output, calibrator, predictions)?;
        let positives = outcomes.iter().filter(|of| of.positive).count() as u64;
        let negatives = outcomes.len() as u64 - positives;
        if positives == 0 || negatives == 0 {
            return Err(Error::OneSided { output, found: gap(positives, negatives) });
        }
        let scored = outcomes.iter().map(|of| (of.sample, of.probability, of.positive));
        let candidates = candidates(&Curve::new(output, scored).descending());
        let sensitivity = |at: &Candidate| at.hits as f64 / positives as f64;
        let specificity = |at: &Candidate| (negatives - at.alarms) as f64 / negatives as f64;
        // In order of falling thresholds, so of rising sensitivity.
        let ordered = candidates.iter();
        let chosen = match rule {
            OperatingRule::Youden {} => {
                let scaled = |count: u64, by: u64| i128::from(count) * i128::from(by);
                ordered.max_by_key(|at| scaled(at.hits, negatives) - scaled(at.alarms, positives))
            }
            OperatingRule::Sensitivity { at_least } => ordered
                .filter(|at| sensitivity(at) >= at_least)
                .max_by_key(|at| (Reverse(at.alarms), at.hits)),
            OperatingRule::Specificity { at_least } => ordered
                .filter(|at| specificity(at) >= at_least)
                .max_by_key(|at| (at.hits, Reverse(at.alarms))),
            OperatingRule::Cost { false_negative, false_positive, prevalence } => {
                let of_samples = positives as f64 / (positives + negatives) as f64;
                let prevalence = prevalence.unwrap_or(of_samples);
                let cost = |at: &Candidate| {
                    let missed = (1.0 - sensitivity(at)) * prevalence * false_negative;
                    missed + (1.0 - specificity(at)) * (1.0 - prevalence) * false_positive
                };
                ordered.rev().min_by(|a, b| cost(a).total_cmp(&cost(b)))
            }
        };
        let chosen = chosen.expect("one candidate has sensitivity 1, another specificity 1");
        let (sensitivity, specificity) = (sensitivity(chosen), specificity(chosen));
        let threshold = chosen.threshold;
        Ok(OperatingPoint { output, rule, threshold, sensitivity, specificity, positives, negatives })
    }

    /// The decision at a calibrated probability of the output.
    pub fn is_positive(&self, probability: f64) -> bool {
        probability >= self.threshold
    }
}

/// The candidates for thresholds, highest first, from the distinct probabilities, highest first,
/// each with the numbers of positives and negatives of at least that probability.
fn candidates(steps: &[(f64, u64, u64)]) -> Vec<Candidate> {
    let none = 1f64.next_up();
    let mut candidates = vec![Candidate { threshold: none, hits: 0, alarms: 0 }];
    for (at, &(probability, hits, alarms)) in steps.iter().enumerate() {
        let threshold = steps.get(at + 1).map_or(0.0, |next| {
            let middle = probability.midpoint(next.0);
            if middle > next.0 { middle } else { probability }
        });
        candidates.push(Candidate { threshold, hits, alarms });
    }
    candidates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::operating_score::OperatingScore;
    use crate::predictions::{Targets, TaskKind};

    const NONE: Calibrator = Calibrator::None { task: TaskKind::Multilabel };

    fn task(samples: &[(f32, f32)]) -> Predictions {
        let (logits, labels) = samples.iter().copied().unzip();
        Predictions::new(logits, 1, Targets::Labels(labels)).unwrap()
    }

    fn choose(rule: OperatingRule, samples: &[(f32, f32)]) -> OperatingPoint {
        OperatingPoint::choose(rule, 0, &NONE, &task(samples)).unwrap()
    }

    fn probability(logit: f32) -> f64 {
        NONE.probabilities(&[logit])[0]
    }

    /// Of these, from the highest: +, −, + and − tied, +, −, and one unknown.
    const SAMPLES: [(f32, f32); 7] =
        [(3.0, 1.0), (2.0, 0.0), (1.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (-2.0, 0.0), (9.0, f32::NAN)];

    #[test]
    fn thresholds_are_midway() {
        let between = |above: f32, below: f32| probability(above).midpoint(probability(below));
        // Sensitivities 0, 1/3, 1/3, 2/3, 1, 1; specificities 1, 1, 2/3, 1/3, 1/3, 0.
        let third = 1.0 / 3.0;
        for (rule, threshold, found) in [
            (OperatingRule::Youden {}, between(-1.0, -2.0), (1.0, third)),
            (OperatingRule::Sensitivity { at_least: third }, between(3.0, 2.0), (third, 1.0)),
            // Another threshold has the same specificity, but a lower sensitivity.
            (OperatingRule::Sensitivity { at_least: 0.5 }, between(-1.0, -2.0), (1.0, third)),
            (OperatingRule::Sensitivity { at_least: 1.0 }, between(-1.0, -2.0), (1.0, third)),
            (OperatingRule::Specificity { at_least: third }, between(-1.0, -2.0), (1.0, third)),
            (OperatingRule::Specificity { at_least: 0.5 }, between(3.0, 2.0), (third, 1.0)),
            (OperatingRule::Specificity { at_least: 1.0 }, between(3.0, 2.0), (third, 1.0)),
        ] {
            let point = choose(rule, &SAMPLES);
            assert_eq!((point.threshold, point.positives, point.negatives), (threshold, 3, 3), "{rule:?}");
            assert!((point.sensitivity - found.0).abs() < 1e-15, "{point:?}");
            assert!((point.specificity - found.1).abs() < 1e-15, "{point:?}");
            let json = serde_json::to_string(&point).unwrap();
            assert_eq!(serde_json::from_str::<OperatingPoint>(&json).unwrap(), point);
        }
    }

    #[test]
    fn costs_weigh_mistakes() {
        let cost = |false_negative, prevalence| {
            let rule = OperatingRule::Cost { false_negative, false_positive: 1.0, prevalence };
            let point = choose(rule, &SAMPLES);
            (point.sensitivity, point.specificity)
        };
        assert_eq!(cost(100.0, None), (1.0, 1.0 / 3.0));
        assert_eq!(cost(0.01, None), (1.0 / 3.0, 1.0));
        // The same ratio of expected costs by the prevalence.
        assert_eq!(cost(1.0, Some(0.99)), (1.0, 1.0 / 3.0));
        assert_eq!(cost(1.0, Some(0.01)), (1.0 / 3.0, 1.0));
        // Two thresholds cost 2 of 3 mistakes each: the higher sensitivity wins.
        assert_eq!(cost(1.0, None), (1.0, 1.0 / 3.0));
    }

    #[test]
    fn ends_are_only_positive_and_no_positive_decisions() {
        // The highest probability is of a negative, the lowest of a positive.
        let inverse = [(2.0, 0.0), (1.0, 1.0), (-1.0, 0.0), (-2.0, 1.0)];
        let all = choose(OperatingRule::Sensitivity { at_least: 1.0 }, &inverse);
        assert_eq!((all.threshold, all.sensitivity, all.specificity), (0.0, 1.0, 0.0));
        let none = choose(OperatingRule::Specificity { at_least: 1.0 }, &inverse);
        assert_eq!((none.threshold, none.sensitivity, none.specificity), (1f64.next_up(), 0.0, 1.0));
        // A logit of 50 has a probability of 1 after rounding.
        let certain = choose(OperatingRule::Specificity { at_least: 1.0 }, &[(50.0, 0.0), (1.0, 1.0)]);
        assert!(certain.threshold > 1.0 && !certain.is_positive(1.0));
    }

    #[test]
    fn thresholds_between_neighbouring_numbers_are_the_upper() {
        let (low, high) = (0.5f64, 0.5f64.next_up());
        let thresholds: Vec<f64> =
            candidates(&[(high, 1, 0), (low, 1, 1)]).iter().map(|of| of.threshold).collect();
        assert_eq!(thresholds, [1f64.next_up(), high, 0.0]);
    }

    #[test]
    fn classes_are_compared_with_all_others() {
        let logits = vec![2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 1, 2])).unwrap();
        let calibrator = Calibrator::Temperature { temperature: 2.0 };
        let point = OperatingPoint::choose(OperatingRule::Youden {}, 2, &calibrator, &predictions).unwrap();
        let e = 1f64.exp();
        assert!((point.threshold - (1.0 + e) / (e + 2.0) / 2.0).abs() < 1e-12, "{point:?}");
        assert_eq!((point.sensitivity, point.positives, point.negatives), (1.0, 1, 2));
    }

    #[test]
    fn errors_name_the_output() {
        let rule = OperatingRule::Youden {};
        let error = |samples: &[(f32, f32)], output| {
            OperatingPoint::choose(rule, output, &NONE, &task(samples)).unwrap_err().to_string()
        };
        let start = "output 0: expected samples known to be positive and negative, found ";
        assert_eq!(error(&[(0.0, 0.0)], 0), format!("{start}no positive sample"));
        assert_eq!(error(&[(0.0, 1.0)], 0), format!("{start}no negative sample"));
        assert_eq!(error(&[(0.0, f32::NAN)], 0), format!("{start}no known sample"));
        assert_eq!(error(&[(0.0, 1.0)], 1), "expected an output from 0 to 0, found 1");
    }

    proptest! {
        /// The choice is the best of all thresholds by its rule, and is found again on its samples.
        #[test]
        fn choices_are_optimal(
            samples in prop::collection::vec((-4i8..5, any::<bool>()), 2..40),
            at_least in 0.01f64..=1.0,
            false_negative in 0.1f64..10.0,
        ) {
            let positives = samples.iter().filter(|of| of.1).count() as f64;
            let negatives = samples.len() as f64 - positives;
            prop_assume!(positives > 0.0 && negatives > 0.0);
            let samples: Vec<(f32, f32)> =
                samples.into_iter().map(|(z, yes)| (f32::from(z), f32::from(u8::from(yes)))).collect();
            let rates = |threshold: f64| {
                let said = |of: &&(f32, f32)| probability(of.0) >= threshold;
                let hits = samples.iter().filter(said).filter(|of| of.1 == 1.0).count() as f64;
                let alarms = samples.iter().filter(said).count() as f64 - hits;
                (hits / positives, (negatives - alarms) / negatives)
            };
            let every: Vec<(f64, f64)> = (-4..6).map(|z| rates(probability(z as f32))).collect();
            for rule in [
                OperatingRule::Youden {},
                OperatingRule::Sensitivity { at_least },
                OperatingRule::Specificity { at_least },
                OperatingRule::Cost { false_negative, false_positive: 1.0, prevalence: None },
            ] {
                let point = choose(rule, &samples);
                let found = (point.sensitivity, point.specificity);
                prop_assert_eq!(found, rates(point.threshold));
                let score = OperatingScore::of(&point, &NONE, &task(&samples), None, 0, 0).unwrap();
                prop_assert_eq!(score.sensitivity.value.value(), Some(found.0));
                prop_assert_eq!(score.specificity.value.value(), Some(found.1));
                let worth = |(sensitivity, specificity): (f64, f64)| match rule {
                    OperatingRule::Youden {} => sensitivity + specificity,
                    OperatingRule::Sensitivity { .. } if sensitivity >= at_least => specificity,
                    OperatingRule::Specificity { .. } if specificity >= at_least => sensitivity,
                    OperatingRule::Sensitivity { .. } | OperatingRule::Specificity { .. } => -1.0,
                    OperatingRule::Cost { .. } => {
                        (sensitivity - 1.0) * positives * false_negative + (specificity - 1.0) * negatives
                    }
                };
                let dominates = |of: &(f64, f64)| of.0 >= found.0 && of.1 >= found.1 && *of != found;
                prop_assert!(!every.iter().any(dominates), "{rule:?}: {point:?}");
                let best = every.iter().map(|&of| worth(of)).fold(f64::MIN, f64::max);
                prop_assert!(worth(found) >= best - 1e-9, "{rule:?}: {point:?}");
            }
        }
    }
}
