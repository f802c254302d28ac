//! What one set of samples says of several models against a baseline.

use std::iter::once;

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Interval, percentile, resampled};
use crate::error::Error;
use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::paired::{Difference, Shown, check_paired, deviation};
use crate::predictions::Predictions;
use crate::spread::LEVEL;

/// What one set of samples says of several models against a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The index of the model with the highest value (ties: the lowest index).
    pub best: usize,
    /// The baseline's value of the metric.
    pub baseline_value: f64,
    /// The best model's value.
    pub best_value: f64,
    /// The best model's value less the baseline's. The interval allows for the choice of the best:
    /// such intervals cover the true differences of all compared models at once in 95 % of cases.
    pub difference: Difference,
    /// The number of models compared with the baseline: those on which the metric is defined.
    pub compared: usize,
    /// The number of samples.
    pub samples: usize,
    /// The number of groups, of predictions with groups; `None` where samples are independent.
    pub groups: Option<usize>,
    /// The number of samples at which an interval around a difference of this size would just not
    /// contain 0, if they vary alike and come in groups alike: the samples times (half the width of
    /// the interval / difference)², rounded up. It is at most `samples` if a difference is shown.
    /// `None` if the difference is 0 or has no interval.
    pub needed: Option<u64>,
}

impl Verdict {
    /// The conclusion from the interval on the best model: higher or lower than the baseline, or
    /// neither.
    pub fn shown(&self) -> Shown {
        self.difference.shown()
    }
}

/// A model on which the metric is defined.
struct Compared {
    /// The index among the other models.
    at: usize,
    prepared: Prepared,
    value: f64,
}

/// Compares several models with a baseline on the same samples, and judges the best of them.
///
/// The best of many models is high partly by chance, so an interval for one model alone would too
/// often exclude 0. The interval here is the bootstrap's max-t interval (Westfall and Young 1993,
/// *Resampling-Based Multiple Testing*; Romano and Wolf 2005, *Exact and Approximate Stepdown
/// Methods*): difference ± q·SE. SE is the standard deviation of the model's difference over the
/// resamples, and q the 95th percentile over resamples of the largest |resampled difference −
/// difference| / SE of all compared models. Of a single model it is its symmetric studentised
/// interval. A model with a SE of 0, such as the baseline itself, takes no part in the maximum, and
/// its interval is its difference.
///
/// The resamples are those of [`crate::bootstrap_difference`] with the same seed, groups included.
/// One on which the metric is undefined for any compared model is dropped. There is no interval with
/// fewer than 2 resamples, or with fewer than 2 groups. Models on which the metric is undefined on
/// all samples are left out.
///
/// Returns `None` if the metric is undefined on all samples for the baseline or for all others.
///
/// ```
/// use ff_eval::{Metric, Predictions, Shown, Targets, verdict};
///
/// // Each model predicts class 0 for all of 40 samples of class 0 but some.
/// let model = |wrong: usize| {
///     let logits = (0..40).flat_map(|at| if at < wrong { [0.0, 1.0] } else { [1.0, 0.0] });
///     Predictions::new(logits.collect(), 2, Targets::Classes(vec![0; 40]))
/// };
/// let (baseline, others) = (model(20)?, [model(19)?, model(2)?]);
/// let found = verdict(Metric::Accuracy, &baseline, &others, 1000, 0)?.expect("accuracy is defined");
/// assert_eq!((found.best, found.shown()), (1, Shown::Higher));
/// # Ok::<(), ff_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unpaired`] if the targets of two models differ, or if both have groups and these differ
/// in more than their numbering.
pub fn verdict(
    metric: Metric,
    baseline: &Predictions,
    others: &[Predictions],
    resamples: usize,
    seed: u64,
) -> Result<Option<Verdict>, Error> {
    let models = || once(baseline).chain(others);
    let with_groups = models().find(|model| model.groups().is_some()).unwrap_or(baseline);
    models().try_for_each(|model| check_paired(with_groups, model).map(drop))?;
    let groups = Groups::of(with_groups);

    let samples = baseline.len();
    let all = vec![1; samples];
    let theirs = Prepared::new(metric, baseline);
    let Some(baseline_value) = theirs.value(&all).value() else { return Ok(None) };
    let defined = others.iter().enumerate().filter_map(|(at, other)| {
        let prepared = Prepared::new(metric, other);
        let value = prepared.value(&all).value()?;
        Some(Compared { at, prepared, value })
    });
    let compared: Vec<Compared> = defined.collect();
    let higher = |best: usize, at: usize| if compared[at].value > compared[best].value { at } else { best };
    let Some(best) = (0..compared.len()).reduce(higher) else { return Ok(None) };

    let differences = |times: &[u32]| -> Option<Vec<f64>> {
        let theirs = theirs.value(times).value()?;
        compared.iter().map(|model| Some(model.prepared.value(times).value()? - theirs)).collect()
    };
    let observed: Vec<f64> = compared.iter().map(|model| model.value - baseline_value).collect();
    let drawn = resampled(samples, groups.as_ref(), resamples, seed, differences);
    let found = simultaneous(&observed, &drawn);
    let value = observed[best];
    let half = found.as_ref().map(|(errors, q)| q * errors[best]);
    let dropped = resamples - drawn.len();
    let interval =
        half.map(|half| Interval { low: value - half, high: value + half, level: LEVEL, resamples, dropped });
    let needed = half.filter(|_| value != 0.0).map(|half| samples as f64 * (half / value).powi(2));
    let standard_error = found.map(|(errors, _)| errors[best]);
    Ok(Some(Verdict {
        best: compared[best].at,
        baseline_value,
        best_value: compared[best].value,
        difference: Difference { value, interval, standard_error },
        compared: compared.len(),
        samples,
        groups: groups.map(|groups| groups.count),
        needed: needed.map(|needed| needed.ceil() as u64), // saturates
    }))
}

/// Computes the standard error of each model's difference, and the factor for intervals that hold
/// for all at once; `None` with fewer than 2 resamples.
///
/// `observed` has the difference of each model on all samples, and `drawn` those on each resample.
fn simultaneous(observed: &[f64], drawn: &[Vec<f64>]) -> Option<(Vec<f64>, f64)> {
    let of_model = |at: usize| deviation(&drawn.iter().map(|values| values[at]).collect::<Vec<f64>>());
    let errors: Vec<f64> = (0..observed.len()).map(of_model).collect::<Option<_>>()?;
    let largest = |values: &Vec<f64>| -> f64 {
        let of_models = values.iter().zip(observed).zip(&errors).filter(|(_, error)| **error > 0.0);
        of_models.map(|((value, observed), error)| (value - observed).abs() / error).fold(0.0, f64::max)
    };
    let mut largest: Vec<f64> = drawn.iter().map(largest).collect();
    largest.sort_unstable_by(f64::total_cmp);
    let q = percentile(&largest, LEVEL)?;
    Some((errors, q))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::bootstrap_difference;
    use crate::predictions::Targets;

    /// Samples of class 0, of which the model predicts some correctly.
    fn right(hits: &[bool]) -> Predictions {
        let logits = hits.iter().flat_map(|&hit| if hit { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        Predictions::new(logits, 2, Targets::Classes(vec![0; hits.len()])).unwrap()
    }

    fn of(baseline: &Predictions, others: &[Predictions], resamples: usize, seed: u64) -> Verdict {
        verdict(Metric::Accuracy, baseline, others, resamples, seed).unwrap().unwrap()
    }

    /// 400 pairs, of which 40 are gained and 20 lost: the difference is 0.05 ± 1.96 · √((0.15 −
    /// 0.05²) / 400) = 0.05 ± 0.0376, and is told apart on 400 · (0.0376 / 0.05)² = 227 samples.
    #[test]
    fn one_model_matches_the_normal_approximation() {
        let baseline = right(&(0..400).map(|i| i >= 40).collect::<Vec<_>>());
        let other = right(&(0..400).map(|i| i < 380).collect::<Vec<_>>());
        let found = of(&baseline, std::slice::from_ref(&other), 4000, 1);
        let Interval { low, high, level, resamples, dropped } = found.difference.interval.unwrap();
        assert!((low - 0.0124).abs() < 0.006 && (high - 0.0876).abs() < 0.006, "{low} {high}");
        assert_eq!((level, resamples, dropped), (0.95, 4000, 0));
        assert!((195..=260).contains(&found.needed.unwrap()), "{found:?}");
        assert_eq!((found.baseline_value, found.best_value), (0.9, 0.95));
        assert_eq!((found.shown(), found.compared, found.samples), (Shown::Higher, 1, 400));
        let alone = bootstrap_difference(Metric::Accuracy, &baseline, &other, 4000, 1).unwrap().unwrap();
        assert_eq!(found.difference.value, alone.value);
        assert_eq!(found.difference.standard_error, alone.standard_error);

        let back = of(&other, std::slice::from_ref(&baseline), 4000, 1);
        assert_eq!((back.shown(), back.needed), (Shown::Lower, found.needed));
        assert_eq!(serde_json::from_str::<Verdict>(&serde_json::to_string(&back).unwrap()).unwrap(), back);
    }

    /// Six equally good models, whose errors are independent. Of 2,000 such draws in NumPy, the
    /// simultaneous interval of the best of five excluded 0 in 2.8 %, the percentile interval of that
    /// model alone in 9.7 %.
    #[test]
    fn the_best_of_many_by_chance_is_rarely_shown() {
        let (mut shown, mut alone) = (0, 0);
        for draw in 0..400 {
            let mut chance = ChaCha8Rng::seed_from_u64(draw);
            let mut model = || {
                let hits: Vec<bool> = (0..200).map(|_| !chance.next_u64().is_multiple_of(5)).collect();
                right(&hits)
            };
            let baseline = model();
            let others: Vec<Predictions> = (0..5).map(|_| model()).collect();
            let found = of(&baseline, &others, 200, draw);
            shown += u32::from(found.shown() != Shown::Neither);
            let plain =
                bootstrap_difference(Metric::Accuracy, &baseline, &others[found.best], 200, draw).unwrap();
            alone += u32::from(plain.unwrap().shown() != Shown::Neither);
        }
        assert!(shown <= 24 && alone >= 20 && alone > shown, "{shown} and {alone} of 400");
    }

    #[test]
    fn equal_models_are_exact() {
        let (model, worse) = (right(&[true, false, true, true]), right(&[true, false, false, true]));
        let same = of(&model, &[model.clone(), model.clone()], 50, 0);
        let ends = same.difference.interval.map(|of| (of.low, of.high));
        assert_eq!((same.best, same.difference.value, ends), (0, 0.0, Some((0.0, 0.0))));
        assert_eq!((same.shown(), same.needed), (Shown::Neither, None));
        assert_eq!(same.difference.standard_error, Some(0.0));
        // It does not widen the interval of another.
        let alone = of(&worse, std::slice::from_ref(&model), 50, 0);
        let with_equal = of(&worse, &[worse.clone(), model], 50, 0);
        assert_eq!((with_equal.best, with_equal.compared), (1, 2));
        assert_eq!(with_equal.difference, alone.difference);
    }

    #[test]
    fn undefined_models_are_left_out() {
        // Kappa is undefined if all targets and predictions are of one class, and else 0 here.
        let [baseline, all, other] =
            [[false, true, true, true], [true; 4], [true, true, false, true]].map(|hits| right(&hits));
        let kappa = |baseline: &Predictions, others: &[Predictions]| {
            verdict(Metric::QuadraticKappa, baseline, others, 100, 0).unwrap()
        };
        let found = kappa(&baseline, &[all.clone(), other]).unwrap();
        assert_eq!((found.best, found.compared, found.best_value), (1, 1, 0.0));
        assert!(found.difference.interval.unwrap().dropped > 0, "{found:?}");
        assert_eq!(kappa(&baseline, std::slice::from_ref(&all)), None);
        assert_eq!(kappa(&all, std::slice::from_ref(&baseline)), None);
        assert_eq!(kappa(&baseline, &[]), None);
    }

    #[test]
    fn few_resamples_and_one_group_give_no_interval() {
        let (baseline, other) = (right(&[false, true, true]), right(&[true; 3]));
        let grouped = |groups: [u32; 3]| baseline.clone().with_groups(groups.into()).unwrap();
        let others = [other.clone()];
        for found in
            [of(&baseline, &others, 0, 0), of(&baseline, &others, 1, 0), of(&grouped([4; 3]), &others, 50, 0)]
        {
            let Difference { interval, standard_error, .. } = found.difference;
            assert_eq!((interval, standard_error, found.needed), (None, None, None));
            assert_eq!(found.shown(), Shown::Neither);
        }
        assert_eq!(of(&grouped([4, 4, 9]), &others, 50, 0).groups, Some(2));
        // The groups of other models count too.
        let others = [grouped([4, 4, 9]), grouped([4, 9, 9])];
        let error = verdict(Metric::Accuracy, &other, &others, 50, 0).unwrap_err().to_string();
        assert!(error.contains("found other groups"), "{error}");
    }

    proptest! {
        /// With more models the interval of the best one never becomes narrower.
        #[test]
        fn more_models_widen_the_interval(
            hits in prop::collection::vec(prop::array::uniform4(any::<bool>()), 2..40), seed: u64,
        ) {
            let model = |at: usize| right(&hits.iter().map(|of| of[at]).collect::<Vec<_>>());
            let (baseline, others) = (model(0), [model(1), model(2), model(3)]);
            let found = of(&baseline, &others, 40, seed);
            let values = others.each_ref().map(|other| Metric::Accuracy.evaluate(other).value().unwrap());
            prop_assert_eq!(values.iter().copied().fold(0.0, f64::max), found.best_value);
            prop_assert_eq!(values.iter().position(|&value| value == found.best_value), Some(found.best));
            let alone = of(&baseline, &others[found.best..=found.best], 40, seed);
            prop_assert_eq!(found.difference.standard_error, alone.difference.standard_error);
            let (all, one) = (found.difference.interval.unwrap(), alone.difference.interval.unwrap());
            let room = 1e-12; // of the interpolation between two percentiles
            prop_assert!(all.low <= one.low + room && one.high <= all.high + room, "{all:?} {one:?}");
        }
    }
}
