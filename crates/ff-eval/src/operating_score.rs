//! The performance of decisions at an operating point.

use serde::{Deserialize, Serialize};

use crate::calibrator::Calibrator;
use crate::column::Column;
use crate::error::Error;
use crate::estimate::{Estimate, estimates};
use crate::note::{FEW_SAMPLES, Note};
use crate::operating_point::OperatingPoint;
use crate::operating_rule::check_prevalence;
use crate::outcome::outcomes;
use crate::predictions::Predictions;
use crate::value::Value;

/// The decisions of an operating point on samples, with rates and their intervals.
///
/// The resamples are those of [`crate::bootstrap`] with the same seed: of groups, where predictions
/// have groups.
///
/// ```
/// use ff_eval::{Calibrator, OperatingPoint, OperatingRule, OperatingScore, Predictions, Targets};
/// use ff_eval::TaskKind;
///
/// let labels = Targets::Labels([0.0, 0.0, 1.0, 0.0, 1.0, 1.0].repeat(10));
/// let logits = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0].repeat(10);
/// let predictions = Predictions::new(logits, 1, labels)?;
/// let calibrator = Calibrator::none(TaskKind::Multilabel);
/// let point = OperatingPoint::choose(OperatingRule::Youden {}, 0, &calibrator, &predictions)?;
/// let score = OperatingScore::of(&point, &calibrator, &predictions, Some(0.1), 1000, 0)?;
/// assert_eq!((score.true_positives, score.false_positives), (30, 10));
/// // With one positive in ten: 0.1 / (0.1 + 0.9 · 1/3).
/// assert!((score.ppv.value.value().unwrap() - 0.25).abs() < 1e-12);
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingScore {
    /// The index of the output.
    pub output: usize,
    /// The threshold.
    pub threshold: f64,
    /// The number of positive samples with a positive decision.
    pub true_positives: u64,
    /// The number of negative samples with a positive decision.
    pub false_positives: u64,
    /// The number of negative samples with a negative decision.
    pub true_negatives: u64,
    /// The number of positive samples with a negative decision.
    pub false_negatives: u64,
    /// The fraction of the positive samples with a positive decision.
    pub sensitivity: Estimate,
    /// The fraction of the negative samples with a negative decision.
    pub specificity: Estimate,
    /// The positive predictive value: the fraction of the positive decisions that are true.
    pub ppv: Estimate,
    /// The negative predictive value: the fraction of the negative decisions that are true.
    pub npv: Estimate,
    /// The prevalence that the predictive values assume; `None` for that of the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<f64>,
    /// The number of groups, of predictions with groups; `None` where samples are independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Notes on few positives or negatives, on few groups, and on intervals without a width.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl OperatingScore {
    /// Scores the decisions of an operating point, with intervals from `resamples` resamples of
    /// `seed`.
    ///
    /// With a `prevalence`, above 0 and below 1, the predictive values are those of a population
    /// with this fraction of positives, by Bayes' theorem from sensitivity and specificity. A task is
    /// evaluated on the samples whose label is known. A rate without samples is undefined. With 0
    /// resamples there are no intervals.
    ///
    /// # Errors
    /// [`Error::Setting`] for a prevalence outside its range, [`Error::Output`] for an output that
    /// the predictions do not have, [`Error::Calibrator`] for a calibrator of other predictions.
    pub fn of(
        point: &OperatingPoint,
        calibrator: &Calibrator,
        predictions: &Predictions,
        prevalence: Option<f64>,
        resamples: usize,
        seed: u64,
    ) -> Result<OperatingScore, Error> {
        prevalence.map_or(Ok(()), check_prevalence)?;
        let outcomes = outcomes(point.output, calibrator, predictions)?;
        let cells = outcomes.iter().map(|of| {
            let cell = 2 * usize::from(of.positive) + usize::from(point.is_positive(of.probability));
            (of.sample, cell)
        });
        let cells: Vec<(usize, usize)> = cells.collect();
        let count = |times: &[u32]| Decisions::count(&cells, times);
        let rates = |times: &[u32]| count(times).rates(prevalence).into();
        let found = estimates(predictions, resamples, seed, rates);
        let [sensitivity, specificity, ppv, npv] = found.try_into().expect("there are four rates");
        let Decisions { true_negatives, false_positives, false_negatives, true_positives } =
            count(&vec![1; predictions.len()]);

        let positives = true_positives + false_negatives;
        let few = (positives < FEW_SAMPLES)
            .then(|| Note::FewSamples { kind: predictions.kind(), outputs: vec![(point.output, positives)] });
        let negatives = true_negatives + false_positives;
        let few_negatives = (negatives < FEW_SAMPLES).then(|| Note::FewNegatives {
            kind: predictions.kind(),
            output: point.output,
            negatives,
        });
        let groups = predictions.group_count();
        let few_groups = groups.filter(|_| resamples > 0).and_then(Note::few_groups);
        let no_width = [("sensitivity", &sensitivity, positives), ("specificity", &specificity, negatives)];
        let no_width = no_width.into_iter().filter_map(|(rate, of, samples)| {
            let same = matches!(of.value, Value::Defined(0.0 | 1.0)) && of.interval.is_some();
            same.then(|| Note::NoWidth { rate: rate.to_owned(), samples })
        });
        let notes = few.into_iter().chain(few_negatives).chain(few_groups).chain(no_width).collect();
        Ok(OperatingScore {
            output: point.output,
            threshold: point.threshold,
            true_positives,
            false_positives,
            true_negatives,
            false_negatives,
            sensitivity,
            specificity,
            ppv,
            npv,
            prevalence,
            groups,
            notes,
        })
    }
}

impl OperatingScore {
    /// Scores the decisions on the samples of each value of a column, in the order of
    /// [`Column::values`], as [`OperatingScore::of`] does. Nothing is compared.
    ///
    /// # Errors
    /// Those of [`OperatingScore::of`]; [`Error::Column`] if the column is of another number of samples.
    pub fn by_value(
        point: &OperatingPoint,
        calibrator: &Calibrator,
        predictions: &Predictions,
        column: &Column,
        resamples: usize,
        seed: u64,
    ) -> Result<Vec<OperatingScore>, Error> {
        let samples = predictions.len();
        column.check(samples)?;
        let of_value = |value: usize| {
            let members: Vec<usize> =
                (0..samples).filter(|&sample| column.of_sample()[sample] == value).collect();
            OperatingScore::of(point, calibrator, &predictions.subset(&members), None, resamples, seed)
        };
        (0..column.values().len()).map(of_value).collect()
    }
}

/// The numbers of decisions of each kind.
struct Decisions {
    true_negatives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_positives: u64,
}

impl Decisions {
    /// Counts the decisions when sample `i` occurs `times[i]` times.
    fn count(cells: &[(usize, usize)], times: &[u32]) -> Decisions {
        let mut counts = [0; 4];
        for &(sample, cell) in cells {
            counts[cell] += u64::from(times[sample]);
        }
        let [true_negatives, false_positives, false_negatives, true_positives] = counts;
        Decisions { true_negatives, false_positives, false_negatives, true_positives }
    }

    /// Sensitivity, specificity, and positive and negative predictive value.
    fn rates(&self, prevalence: Option<f64>) -> [Value; 4] {
        let hits = ratio(self.true_positives, self.false_negatives, "no positive sample");
        let passes = ratio(self.true_negatives, self.false_positives, "no negative sample");
        let (no_alarm, no_pass) = ("no sample is predicted positive", "no sample is predicted negative");
        let [ppv, npv] = match (prevalence, &hits, &passes) {
            (None, ..) => [
                ratio(self.true_positives, self.false_positives, no_alarm),
                ratio(self.true_negatives, self.false_negatives, no_pass),
            ],
            (Some(share), Value::Defined(hits), Value::Defined(passes)) => [
                part(share * hits, (1.0 - share) * (1.0 - passes), no_alarm),
                part((1.0 - share) * passes, share * (1.0 - hits), no_pass),
            ],
            (_, Value::Undefined(why), _) | (.., Value::Undefined(why)) => {
                [0; 2].map(|_| Value::Undefined(why.clone()))
            }
        };
        [hits, passes, ppv, npv]
    }
}

fn ratio(of: u64, others: u64, why_not: &str) -> Value {
    part(of as f64, others as f64, why_not)
}

/// The part `of` in the sum of both.
fn part(of: f64, others: f64, why_not: &str) -> Value {
    let whole = of + others;
    if whole > 0.0 { Value::Defined(of / whole) } else { Value::Undefined(why_not.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operating_rule::OperatingRule;
    use crate::predictions::{Targets, TaskKind};

    const NONE: Calibrator = Calibrator::None { task: TaskKind::Multilabel };

    /// Decisions are positive for logits above 0.
    fn at_zero(output: usize) -> OperatingPoint {
        OperatingPoint {
            output,
            rule: OperatingRule::Youden {},
            threshold: 0.5,
            sensitivity: 1.0,
            specificity: 1.0,
            positives: 1,
            negatives: 1,
        }
    }

    /// One task with so many true positives, false negatives, false positives and true negatives.
    fn task(counts: [usize; 4]) -> Predictions {
        let kinds = [(1.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (-1.0, 0.0)];
        let samples = kinds.iter().zip(counts).flat_map(|(&kind, count)| vec![kind; count]);
        let (logits, labels) = samples.unzip();
        Predictions::new(logits, 1, Targets::Labels(labels)).unwrap()
    }

    fn score(counts: [usize; 4], prevalence: Option<f64>, resamples: usize) -> OperatingScore {
        OperatingScore::of(&at_zero(0), &NONE, &task(counts), prevalence, resamples, 1).unwrap()
    }

    #[track_caller]
    fn assert_near(of: &Estimate, value: f64, half: f64) {
        let (found, interval) = (of.value.value().unwrap(), of.interval.unwrap());
        assert!((found - value).abs() < 1e-12, "{found}, not {value}");
        let near = |end: f64, expected: f64| (end - expected).abs() < 0.15 * half;
        assert!(near(interval.low, value - half) && near(interval.high, value + half), "{interval:?}");
    }

    /// Normal approximations: 1.96 · √(p · (1 − p) / n).
    #[test]
    fn widths_match_the_normal_approximation() {
        let of = score([160, 40, 60, 240], None, 4000);
        let half = |p: f64, n: f64| 1.96 * (p * (1.0 - p) / n).sqrt();
        assert_near(&of.sensitivity, 0.8, half(0.8, 200.0));
        assert_near(&of.specificity, 0.8, half(0.8, 300.0));
        assert_near(&of.ppv, 160.0 / 220.0, half(160.0 / 220.0, 220.0));
        assert_near(&of.npv, 240.0 / 280.0, half(240.0 / 280.0, 280.0));
        let counts = [of.true_positives, of.false_negatives, of.false_positives, of.true_negatives];
        assert_eq!((counts, of.notes.len()), ([160, 40, 60, 240], 0));
        let json = serde_json::to_string(&of).unwrap();
        assert_eq!(serde_json::from_str::<OperatingScore>(&json).unwrap(), of);
    }

    #[test]
    fn a_prevalence_changes_only_predictive_values() {
        let (of, rare) = (score([160, 40, 60, 240], None, 100), score([160, 40, 60, 240], Some(0.01), 100));
        assert_eq!((of.sensitivity, of.specificity), (rare.sensitivity, rare.specificity));
        // Of 1,000 people 10 are positive: 8 of them and 198 others have a positive decision.
        assert!((rare.ppv.value.value().unwrap() - 8.0 / 206.0).abs() < 1e-12);
        assert!((rare.npv.value.value().unwrap() - 792.0 / 794.0).abs() < 1e-12);
        let same = score([160, 40, 60, 240], Some(0.4), 0);
        assert!((same.ppv.value.value().unwrap() - of.ppv.value.value().unwrap()).abs() < 1e-12);
        for prevalence in [0.0, 1.0, f64::NAN] {
            let found = OperatingScore::of(&at_zero(0), &NONE, &task([1, 1, 1, 1]), Some(prevalence), 0, 0);
            let error = found.unwrap_err().to_string();
            assert!(error.starts_with("prevalence: expected above 0 and below 1, found"), "{error}");
        }
    }

    #[test]
    fn rates_without_samples_say_why() {
        let why = |text: &str| Value::Undefined(text.into());
        let no_positive = score([0, 0, 3, 20], Some(0.1), 20);
        assert_eq!(no_positive.sensitivity, Estimate { value: why("no positive sample"), interval: None });
        assert_eq!(no_positive.npv.value, why("no positive sample"));
        let no_negative = score([12, 3, 0, 0], Some(0.1), 0);
        assert_eq!(no_negative.ppv.value, why("no negative sample"));
        let no_alarm = score([0, 12, 0, 9], None, 0);
        assert_eq!(no_alarm.ppv.value, why("no sample is predicted positive"));
        assert_eq!(score([0, 12, 0, 9], Some(0.1), 0).ppv.value, why("no sample is predicted positive"));
        assert_eq!(score([9, 0, 9, 0], None, 0).npv.value, why("no sample is predicted negative"));
    }

    #[test]
    fn few_samples_and_equal_decisions_are_noted() {
        let few = Note::FewSamples { kind: TaskKind::Multilabel, outputs: vec![(0, 9)] };
        let no_width = |rate: &str, samples| Note::NoWidth { rate: rate.into(), samples };
        assert_eq!(score([8, 1, 5, 5], None, 20).notes, std::slice::from_ref(&few));
        assert_eq!(
            score([9, 0, 0, 30], None, 20).notes,
            [few, no_width("sensitivity", 9), no_width("specificity", 30)]
        );
        assert_eq!(score([12, 0, 5, 5], None, 0).notes, [], "no interval");
        let grouped = task([20, 20, 20, 20]).with_groups((0..80).map(|at| at % 16).collect()).unwrap();
        let of = OperatingScore::of(&at_zero(0), &NONE, &grouped, None, 20, 1).unwrap();
        assert_eq!((of.groups, of.notes), (Some(16), vec![Note::FewGroups { groups: 16 }]));
        assert_ne!(of.sensitivity.interval, score([20, 20, 20, 20], None, 20).sensitivity.interval);
    }

    #[test]
    fn unknown_labels_and_other_outputs_are_left_out() {
        let labels = Targets::Labels(vec![1.0, 0.0, f32::NAN, 1.0, 0.0, f32::NAN]);
        let predictions = Predictions::new(vec![1.0, -1.0, 1.0, 1.0, 1.0, 1.0], 2, labels).unwrap();
        let of = |output| OperatingScore::of(&at_zero(output), &NONE, &predictions, None, 0, 0);
        let counts = |of: OperatingScore| {
            [of.true_positives, of.false_negatives, of.false_positives, of.true_negatives]
        };
        assert_eq!(counts(of(0).unwrap()), [1, 0, 1, 0]);
        assert_eq!(counts(of(1).unwrap()), [1, 0, 0, 1]);
        assert_eq!(of(2).unwrap_err().to_string(), "expected an output from 0 to 1, found 2");
    }

    #[test]
    fn values_of_a_column_are_scored_alone() {
        let labels = Targets::Labels(vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        let predictions = Predictions::new(vec![2.0, -2.0, -1.0, 1.0, 3.0, -3.0], 1, labels).unwrap();
        let calibrator = Calibrator::none(TaskKind::Multilabel);
        let rule = OperatingRule::Youden {};
        let point = OperatingPoint::choose(rule, 0, &calibrator, &predictions).unwrap();
        let point = OperatingPoint { threshold: 0.5, ..point };
        let column = Column::new("site", &["a", "a", "b", "b", "a", "a"].map(Some));
        let found = OperatingScore::by_value(&point, &calibrator, &predictions, &column, 0, 0).unwrap();
        let rates: Vec<_> =
            found.iter().map(|of| (of.sensitivity.value.clone(), of.specificity.value.clone())).collect();
        assert_eq!(
            rates,
            [(Value::Defined(1.0), Value::Defined(1.0)), (Value::Defined(0.0), Value::Defined(0.0))]
        );
        let short = Column::new("site", &[Some("a")]);
        assert!(OperatingScore::by_value(&point, &calibrator, &predictions, &short, 0, 0).is_err());
    }
}
