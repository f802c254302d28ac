//! Upper bounds of a metric from some of the samples, which let an evaluation end early.
//!
//! An evaluation that stops early may use another order and other batch sizes than a full one,
//! which moves logits by rounding. A sample whose two highest logits are closer than that counts as
//! unseen, and for log loss with the lowest loss that it may have ([`ScoreBound::observe_within`]),
//! so the bound holds for every metric whatever the exact logits are.

use crate::auroc::{Curve, curve_outputs, scores, truths};
use crate::confusion::Confusion;
use crate::error::Error;
use crate::kappa::highest;
use crate::loss::Losses;
use crate::metric::Metric;
use crate::predictions::{Targets, argmax};
use crate::spread::mean;
use crate::value::Value;

/// Added to the bound of kappa while samples are unseen.
///
/// Terms of kappa are rounded, so the highest matrix need not give the highest float. With `C`
/// classes each side is off by at most about `4·C²·2⁻⁵³`: 4.4·10⁻¹⁰ for a thousand classes.
const KAPPA_MARGIN: f64 = 1e-9;

/// An upper bound of a metric over all samples, from the logits of the samples seen so far.
///
/// It holds for any logits of the unseen samples:
///
/// - Accuracy, macro recall, macro F1: all unseen samples count as predicted correctly. That gives
///   the highest F1 too: F1 of a class is `2·TP / (support + predicted)`, which rises with a true
///   positive (`TP ≤ support`) and falls with a false positive. The mean is over the classes in
///   targets or predictions, to which a true positive adds none and a false positive may add one of
///   F1 0.
/// - AUROC: every pair of a positive and a negative sample that are not both seen counts as in
///   order. The bound falls late: half of the samples give only a quarter of the pairs.
/// - Quadratic kappa: the highest over all predictions of the unseen samples, which need not be all
///   correct.
/// - Log loss: unseen samples have a loss of 0.
///
/// The bound is never below the metric's float: the arguments are integers or the same losses, and
/// quotients, sums and means that are each rounded to nearest keep their order. For kappa, where
/// that does not hold, a margin of 10⁻⁹ is added. Once all samples are seen, the bound is the
/// metric's float, unless a loss was lowered ([`ScoreBound::observe_within`]).
#[derive(Debug)]
pub struct ScoreBound<'a> {
    targets: &'a Targets,
    outputs: usize,
    seen: Vec<bool>,
    state: State,
}

#[derive(Debug)]
enum State {
    Matrix {
        counts: Confusion,
        unseen: Vec<u64>,
        metric: Metric,
        of_matrix: fn(&Confusion) -> Value,
    },
    Curves(Vec<Seen>),
    Losses(Losses),
    /// The metric is undefined for these targets.
    Never,
}

/// The seen samples of one curve, and the numbers of all positives and negatives.
#[derive(Debug)]
struct Seen {
    output: usize,
    known: Vec<(usize, f64, bool)>,
    positives: u64,
    negatives: u64,
}

impl<'a> ScoreBound<'a> {
    /// Creates a bound with no sample seen. `targets` and `outputs` are those of
    /// [`Predictions::new`](crate::Predictions::new).
    ///
    /// # Panics
    /// If a class is not below `outputs`.
    pub fn new(metric: Metric, targets: &'a Targets, outputs: usize) -> ScoreBound<'a> {
        let samples = match targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Labels(labels) => labels.len() / outputs,
        };
        let state = match (metric.of_matrix(), targets) {
            _ if metric == Metric::LogLoss => State::Losses(Losses::lowest(targets, outputs)),
            (Some(of_matrix), Targets::Classes(classes)) => {
                let mut unseen = vec![0; outputs];
                classes.iter().for_each(|&class| unseen[class] += 1);
                State::Matrix { counts: Confusion::empty(outputs), unseen, metric, of_matrix }
            }
            (Some(_), Targets::Labels(_)) => State::Never,
            (None, _) => {
                let of = |output| Seen { output, known: Vec::new(), positives: 0, negatives: 0 };
                let mut curves: Vec<_> = curve_outputs(targets, outputs).map(of).collect();
                for sample in 0..samples {
                    for (curve, truth) in curves.iter_mut().zip(truths(targets, outputs, sample)) {
                        curve.positives += u64::from(truth == Some(true));
                        curve.negatives += u64::from(truth == Some(false));
                    }
                }
                State::Curves(curves)
            }
        };
        ScoreBound { targets, outputs, seen: vec![false; samples], state }
    }

    /// Adds the logits of one more sample, in any order.
    ///
    /// # Errors
    /// [`Error::Logit`] if a logit is NaN or infinite.
    ///
    /// # Panics
    /// If there is no such sample, it was seen before, or the number of logits is not `outputs`.
    pub fn observe(&mut self, sample: usize, logits: &[f32]) -> Result<(), Error> {
        assert_eq!(logits.len(), self.outputs, "one logit for each output");
        if let Some(output) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(Error::Logit { row: sample, output, found: logits[output] });
        }
        assert!(!std::mem::replace(&mut self.seen[sample], true), "sample {sample} was seen before");
        match (&mut self.state, self.targets) {
            (State::Matrix { counts, unseen, .. }, Targets::Classes(classes)) => {
                counts.add(classes[sample], argmax(logits), 1);
                unseen[classes[sample]] -= 1;
            }
            (State::Curves(curves), targets) => {
                let truths = truths(targets, self.outputs, sample);
                for ((curve, score), truth) in curves.iter_mut().zip(scores(targets, logits)).zip(truths) {
                    curve.known.extend(truth.map(|positive| (sample, score, positive)));
                }
            }
            (State::Losses(losses), targets) => losses.observe(targets, sample, logits),
            (State::Matrix { .. } | State::Never, _) => {}
        }
        Ok(())
    }

    /// Adds the logits of one more sample, each known to within ±`room`, as far as that is exact
    /// enough for the metric. Returns true if the sample now counts exactly.
    ///
    /// Metrics of classes need to know which logit is the highest, so no other may be within
    /// `2·room` of it. For AUROC, where every pair counts, `room` must be 0. Otherwise the sample
    /// stays unseen. For log loss with a `room` above 0, it is seen and counts with a loss lowered
    /// by `2·room` for each known target (at least 0): this lowers the bound, but only a full
    /// evaluation gives the value. So the bound holds for any exact logits.
    ///
    /// # Errors
    /// [`Error::Logit`] if a logit is NaN or infinite.
    ///
    /// # Panics
    /// As [`ScoreBound::observe`].
    pub fn observe_within(&mut self, sample: usize, logits: &[f32], room: f32) -> Result<bool, Error> {
        let exact = room == 0.0
            || match self.state {
                State::Matrix { .. } => lead(logits) > 2.0 * room,
                State::Curves(_) | State::Losses(_) => false,
                State::Never => true,
            };
        let stays_unseen = !exact && !matches!(self.state, State::Losses(_));
        if stays_unseen && logits.iter().all(|logit| logit.is_finite()) {
            return Ok(false);
        }
        self.observe(sample, logits)?;
        if let (State::Losses(losses), false) = (&mut self.state, exact) {
            losses.lower(sample, room);
        }
        Ok(exact)
    }

    /// Computes the highest value that the metric can have; infinite where it may be undefined.
    ///
    /// As samples are added it never rises by more than rounding. For AUROC it costs a pass over
    /// all seen samples: call it once for a batch, not for each sample.
    pub fn bound(&mut self) -> f64 {
        let value = match &mut self.state {
            State::Never => None,
            State::Matrix { counts, unseen, metric: Metric::QuadraticKappa, of_matrix } => {
                let margin = if unseen.iter().all(|&unseen| unseen == 0) { 0.0 } else { KAPPA_MARGIN };
                of_matrix(&highest(counts, unseen)).value().map(|kappa| kappa + margin)
            }
            State::Matrix { counts, unseen, of_matrix, .. } => {
                let mut all = counts.clone();
                unseen.iter().enumerate().for_each(|(class, &unseen)| all.add(class, class, unseen));
                of_matrix(&all).value()
            }
            State::Curves(curves) => {
                let once = vec![1; self.seen.len()];
                let areas: Vec<f64> = curves.iter_mut().filter_map(|curve| curve.at_best(&once)).collect();
                mean(&areas)
            }
            State::Losses(losses) => losses.score(&vec![1; self.seen.len()]).value(),
        };
        value.unwrap_or(f64::INFINITY)
    }
}

/// The difference between the highest and the second highest logit; infinite for a single one.
fn lead(logits: &[f32]) -> f32 {
    let (highest, next) =
        logits.iter().fold((f32::NEG_INFINITY, f32::NEG_INFINITY), |(highest, next), &logit| {
            if logit > highest { (logit, highest) } else { (highest, next.max(logit)) }
        });
    highest - next
}

impl Seen {
    /// The area if all pairs with an unseen sample are in order; `None` if the curve has no area.
    fn at_best(&mut self, once: &[u32]) -> Option<f64> {
        // The samples stay sorted, so the next sort only merges the new ones.
        self.known.sort_by(|a, b| a.1.total_cmp(&b.1));
        let area = Curve::new(self.output, self.known.iter().copied()).area(once);
        area.at_best(self.positives, self.negatives).value()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::predictions::Predictions;

    /// Predictions and an order: targets with absent classes, unknown labels and tasks without
    /// positives or negatives; logits with many ties.
    fn problems() -> impl Strategy<Value = (Predictions, Vec<usize>)> {
        (1usize..30, 1usize..7, 1usize..7, any::<bool>()).prop_flat_map(
            |(samples, outputs, used, classes)| {
                let outputs = if classes { outputs.max(2) } else { outputs };
                let targets = if classes {
                    let class = (0..used.min(outputs)).prop_map(move |class| outputs - 1 - class);
                    prop::collection::vec(class, samples).prop_map(Targets::Classes).boxed()
                } else {
                    let label = prop_oneof![2 => Just(0.0), 1 => Just(1.0), 1 => Just(f32::NAN)];
                    prop::collection::vec(label, samples * outputs).prop_map(Targets::Labels).boxed()
                };
                let logit = prop_oneof![(-2i8..3).prop_map(f32::from), Just(-0.0), -3f32..3.0];
                let logits = prop::collection::vec(logit, samples * outputs);
                let order = Just((0..samples).collect::<Vec<_>>()).prop_shuffle();
                (logits, targets, order).prop_map(move |(logits, targets, order)| {
                    (Predictions::new(logits, outputs, targets).unwrap(), order)
                })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn bounds_fall_to_the_value((predictions, order) in problems(), chunk in 1usize..9) {
            for metric in Metric::ALL {
                let value = metric.evaluate(&predictions).value();
                let mut score_bound = ScoreBound::new(metric, predictions.targets(), predictions.outputs());
                let mut before = score_bound.bound();
                for samples in order.chunks(chunk) {
                    for &sample in samples {
                        score_bound.observe(sample, predictions.row(sample)).unwrap();
                    }
                    let bound = score_bound.bound();
                    prop_assert!(value.is_none_or(|value| bound >= value), "{metric}: {bound} below {value:?}");
                    prop_assert!(bound <= before + 1e-12, "{metric}: {before} rose to {bound}");
                    before = bound;
                }
                prop_assert_eq!(before.to_bits(), value.unwrap_or(f64::INFINITY).to_bits(), "{}", metric);
            }
        }

        /// With inexact logits, among them ties of two wrong classes, the bound holds for the exact
        /// ones. If all samples are added, it is the exact value.
        #[test]
        fn inexact_logits_bound_the_exact_value(
            (found, order) in problems(),
            errors in prop::collection::vec(-1.0f32..=1.0, 30 * 7),
            room in prop_oneof![Just(0.0f32), Just(0.125), Just(0.5), Just(1.0)],
            seen in 0usize..31,
        ) {
            // Halved, so that rounding moves no logit by more than `room`.
            let exact = found.logits().iter().zip(&errors).map(|(logit, error)| logit + 0.5 * room * error);
            let exact = Predictions::new(exact.collect(), found.outputs(), found.targets().clone()).unwrap();
            for metric in Metric::ALL {
                let value = metric.evaluate(&exact).value();
                let mut score_bound = ScoreBound::new(metric, found.targets(), found.outputs());
                let mut decided = true;
                for &sample in order.iter().take(seen) {
                    decided &= score_bound.observe_within(sample, found.row(sample), room).unwrap();
                }
                let bound = score_bound.bound();
                prop_assert!(value.is_none_or(|value| bound >= value), "{metric}: {bound} below {value:?}");
                if decided && seen >= order.len() {
                    prop_assert_eq!(bound.to_bits(), value.unwrap_or(f64::INFINITY).to_bits(), "{}", metric);
                }
            }
        }

        /// For few samples all predictions are enumerated: the bound of metrics of a matrix is the
        /// highest of their values.
        #[test]
        fn bounds_of_a_matrix_are_attained(
            outputs in 2usize..5,
            samples in prop::collection::vec((0usize..4, 0usize..4), 1..12),
            unseen in 0usize..5,
        ) {
            let unseen = unseen.min(samples.len());
            let classes: Vec<usize> = samples.iter().map(|(class, _)| class % outputs).collect();
            let targets = Targets::Classes(classes.clone());
            let one_hot = |class: usize| (0..outputs).map(move |output| f32::from(u8::from(output == class)));
            let rest = samples[unseen..].iter().map(|(_, taken)| taken % outputs);
            for metric in Metric::ALL.into_iter().filter(|metric| metric.of_matrix().is_some()) {
                let mut score_bound = ScoreBound::new(metric, &targets, outputs);
                for (sample, taken) in rest.clone().enumerate() {
                    score_bound.observe(unseen + sample, &one_hot(taken).collect::<Vec<_>>()).unwrap();
                }
                let ways = (0..outputs.pow(unseen as u32)).filter_map(|way| {
                    let taken = (0..unseen).map(|at| way / outputs.pow(at as u32) % outputs).chain(rest.clone());
                    let logits = taken.flat_map(one_hot).collect();
                    metric.evaluate(&Predictions::new(logits, outputs, targets.clone()).unwrap()).value()
                });
                let highest = ways.fold(f64::MIN, f64::max);
                let bound = score_bound.bound();
                let exact = (bound - highest).abs() <= KAPPA_MARGIN + 1e-12;
                prop_assert!(exact || bound == f64::INFINITY, "{metric}: {bound}, reached {highest}");
            }
        }
    }

    #[test]
    fn a_wrong_prediction_can_raise_kappa() {
        // One of three samples of class 0 is predicted as class 1; the sample of class 1 is unseen.
        let targets = Targets::Classes(vec![0, 0, 0, 1]);
        let kappa = |last: [f32; 3]| {
            let logits = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], last].concat();
            Metric::QuadraticKappa
                .evaluate(&Predictions::new(logits, 3, targets.clone()).unwrap())
                .value()
                .unwrap()
        };
        let (right, wrong) = (kappa([0.0, 1.0, 0.0]), kappa([0.0, 0.0, 1.0]));
        assert_eq!((right, wrong), (0.5, 1.0 - 2.0 / 4.5));
        let mut score_bound = ScoreBound::new(Metric::QuadraticKappa, &targets, 3);
        assert_eq!(score_bound.bound(), 1.0 + KAPPA_MARGIN);
        for (sample, logits) in [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]].iter().enumerate() {
            score_bound.observe(sample, logits).unwrap();
        }
        assert_eq!(score_bound.bound(), wrong + KAPPA_MARGIN);
        let labels = Targets::Labels(vec![0.0, 1.0]);
        assert_eq!(ScoreBound::new(Metric::QuadraticKappa, &labels, 1).bound(), f64::INFINITY);
    }

    #[test]
    fn near_ties_of_wrong_classes_stay_unseen() {
        // One sample of class 0 is predicted correctly, another as class 1 or as class 2. Class 1
        // does not occur otherwise, so F1 is a mean over three classes or over two.
        let targets = Targets::Classes(vec![0, 0, 2]);
        let rows = [[5.0f32, 0.0, 0.0], [0.0, 3.0, 2.9999], [0.0, 0.0, 5.0]];
        let exact = [rows[0], [0.0, 2.9999, 3.0], rows[2]].concat();
        let exact = Predictions::new(exact, 3, targets.clone()).unwrap();
        for metric in [Metric::MacroF1, Metric::MacroRecall, Metric::QuadraticKappa] {
            let value = metric.evaluate(&exact).value().unwrap();
            let mut score_bound = ScoreBound::new(metric, &targets, 3);
            let taken: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(sample, row)| score_bound.observe_within(sample, row, 1e-3).unwrap())
                .collect();
            assert_eq!(taken, [true, false, true]);
            assert!(score_bound.bound() >= value, "{metric}");
            let as_found = Predictions::new(rows.concat(), 3, targets.clone()).unwrap();
            assert_ne!(
                metric.evaluate(&as_found).value(),
                Some(value),
                "{metric}: the tie changes the value"
            );
        }
    }

    #[test]
    fn inexact_losses_are_lowered() {
        // Losses of ln 2 and 3 + ln(1 + e⁻³).
        let targets = Targets::Classes(vec![0, 1]);
        let mut score_bound = ScoreBound::new(Metric::LogLoss, &targets, 2);
        assert_eq!(score_bound.bound(), 0.0);
        assert!(score_bound.observe_within(0, &[1.0, 1.0], 0.0).unwrap());
        assert!(!score_bound.observe_within(1, &[3.0, 0.0], 0.5).unwrap());
        let losses = 2f64.ln() + (3.0 + (-3f64).exp().ln_1p() - 1.0);
        assert!((score_bound.bound() + losses / 2.0).abs() < 1e-11, "{}", score_bound.bound());
        // Not below 0, and per known label.
        let targets = Targets::Labels(vec![0.0, f32::NAN, 1.0, 1.0]);
        let mut score_bound = ScoreBound::new(Metric::LogLoss, &targets, 2);
        assert!(!score_bound.observe_within(0, &[0.0, 9.0], 0.5).unwrap());
        assert_eq!(score_bound.bound(), 0.0);
        assert!(!score_bound.observe_within(1, &[-2.0, -2.0], 0.25).unwrap());
        let losses = 2.0 * (2.0 + (-2f64).exp().ln_1p()) - 1.0;
        assert!((score_bound.bound() + losses / 3.0).abs() < 1e-11, "{}", score_bound.bound());
    }

    #[test]
    fn non_finite_logits_are_refused() {
        let targets = Targets::Classes(vec![0, 1]);
        for metric in [Metric::Accuracy, Metric::LogLoss] {
            let mut score_bound = ScoreBound::new(metric, &targets, 2);
            let error = score_bound.observe_within(1, &[0.0, f32::NAN], 0.5).unwrap_err().to_string();
            assert!(error.starts_with("row 1, output 1: expected a finite logit"), "{error}");
        }
    }
}
