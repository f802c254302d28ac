//! The difference of a metric between two models on the same samples.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Interval, percentiles, resampled};
use crate::error::Error;
use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::predictions::{Predictions, Targets};
use crate::spread::{LEVEL, mean};

/// The difference of a metric between a model and the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The other model's value less the baseline's, on all samples.
    pub value: f64,
    /// The 95 % percentile interval of the difference; `None` without resamples.
    pub interval: Option<Interval>,
    /// The standard error: the standard deviation of the difference over the resamples; `None` with
    /// fewer than 2, and in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
}

/// The conclusion that an interval of a difference allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The whole interval is above 0.
    Higher,
    /// The whole interval is below 0.
    Lower,
    /// The interval contains 0, or there is none: no difference is shown.
    Neither,
}

impl Difference {
    /// The conclusion from the interval.
    pub fn shown(&self) -> Shown {
        self.interval.map_or(Shown::Neither, |ends| Shown::by(ends.low, ends.high))
    }
}

impl Shown {
    /// The conclusion from an interval from `low` to `high`.
    pub fn by(low: f64, high: f64) -> Shown {
        match (low > 0.0, high < 0.0) {
            (true, _) => Shown::Higher,
            (_, true) => Shown::Lower,
            _ => Shown::Neither,
        }
    }
}

/// Computes the difference of a metric between two models, with a paired bootstrap interval.
///
/// Both models are evaluated on the same resamples, which are those of [`crate::bootstrap`] with
/// the same seed. A resample on which the metric is undefined for either model is dropped. Returns
/// `None` if the metric is undefined for either model on all samples. If only one of the two has
/// groups, they apply to both.
///
/// # Errors
/// [`Error::Unpaired`] if the targets differ, or if both have groups and these differ in more than
/// their numbering.
pub fn bootstrap_difference(
    metric: Metric,
    baseline: &Predictions,
    other: &Predictions,
    resamples: usize,
    seed: u64,
) -> Result<Option<Difference>, Error> {
    let Some((value, values)) = differences(metric, baseline, other, resamples, seed)? else {
        return Ok(None);
    };
    let standard_error = deviation(&values);
    Ok(Some(Difference { value, interval: percentiles(values, resamples, LEVEL), standard_error }))
}

/// Computes the standard error of the difference of a metric between two models on the same
/// samples: the standard deviation over paired resamples, as in [`bootstrap_difference`].
///
/// Returns `None` if the metric is undefined for either model on all samples, or on all resamples
/// but one.
///
/// # Errors
/// Those of [`bootstrap_difference`].
pub fn standard_error(
    metric: Metric,
    baseline: &Predictions,
    other: &Predictions,
    resamples: usize,
    seed: u64,
) -> Result<Option<f64>, Error> {
    let found = differences(metric, baseline, other, resamples, seed)?;
    Ok(found.and_then(|(_, values)| deviation(&values)))
}

/// The difference on all samples, and on each resample on which it is defined.
fn differences(
    metric: Metric,
    baseline: &Predictions,
    other: &Predictions,
    resamples: usize,
    seed: u64,
) -> Result<Option<(f64, Vec<f64>)>, Error> {
    let groups = check_paired(baseline, other)?;
    let (theirs, ours) = (Prepared::new(metric, baseline), Prepared::new(metric, other));
    let difference = |times: &[u32]| Some(ours.value(times).value()? - theirs.value(times).value()?);
    let samples = baseline.len();
    let Some(value) = difference(&vec![1; samples]) else { return Ok(None) };
    Ok(Some((value, resampled(samples, groups.as_ref(), resamples, seed, difference))))
}

/// The standard deviation of a sample; `None` for fewer than 2 values.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Checks by targets and groups that two models' predictions are of the same samples.
///
/// Returns the groups of either model.
pub(crate) fn check_paired(one: &Predictions, other: &Predictions) -> Result<Option<Groups>, Error> {
    if one.len() != other.len() {
        return Err(Error::Unpaired("numbers of samples"));
    }
    if one.outputs() != other.outputs() {
        return Err(Error::Unpaired("numbers of outputs"));
    }
    let same = match (one.targets(), other.targets()) {
        (Targets::Classes(one), Targets::Classes(other)) => one == other,
        (Targets::Labels(one), Targets::Labels(other)) => {
            one.iter().zip(other).all(|(one, other)| one == other || one.is_nan() && other.is_nan())
        }
        _ => false,
    };
    if !same {
        return Err(Error::Unpaired("targets"));
    }
    match (Groups::of(one), Groups::of(other)) {
        (Some(one), Some(other)) if one != other => Err(Error::Unpaired("groups")),
        (one, other) => Ok(one.or(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap;
    use proptest::prelude::*;

    fn right(hits: &[bool]) -> Predictions {
        let logits = hits.iter().flat_map(|&hit| if hit { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        Predictions::new(logits, 2, Targets::Classes(vec![0; hits.len()])).unwrap()
    }

    /// 400 pairs, of which 40 are gained and 20 lost: 0.05 ± 1.96 · √((0.15 − 0.05²) / 400) = 0.05
    /// ± 0.0376.
    #[test]
    fn width_matches_the_normal_approximation() {
        let baseline: Vec<bool> = (0..400).map(|i| i >= 40).collect();
        let other: Vec<bool> = (0..400).map(|i| i < 380).collect();
        let of = |a: &[bool], b: &[bool]| {
            bootstrap_difference(Metric::Accuracy, &right(a), &right(b), 4000, 1).unwrap().unwrap()
        };
        let found = of(&baseline, &other);
        let Interval { low, high, .. } = found.interval.unwrap();
        assert!((found.value - 0.05).abs() < 1e-12);
        assert!((low - 0.0124).abs() < 0.006 && (high - 0.0876).abs() < 0.006, "{low} {high}");
        let error = found.standard_error.unwrap();
        assert!((error - ((0.15f64 - 0.05 * 0.05) / 400.0).sqrt()).abs() < 1e-3, "{error}");
        let alone = standard_error(Metric::Accuracy, &right(&baseline), &right(&other), 4000, 1);
        assert_eq!(alone.unwrap(), Some(error));
        assert_eq!(found.shown(), Shown::Higher);
        assert_eq!(of(&other, &baseline).shown(), Shown::Lower);
    }

    proptest! {
        #[test]
        fn equal_models_have_no_difference(hits in prop::collection::vec(any::<bool>(), 1..40), seed: u64) {
            let model = right(&hits);
            let found = bootstrap_difference(Metric::Accuracy, &model, &model, 30, seed).unwrap().unwrap();
            let interval = found.interval.unwrap();
            prop_assert_eq!((found.value, interval.low, interval.high), (0.0, 0.0, 0.0));
            prop_assert_eq!(found.shown(), Shown::Neither);
        }

        /// Compared with a model that is always wrong, the difference is the metric itself, with
        /// its interval.
        #[test]
        fn resamples_are_those_of_the_bootstrap(hits in prop::collection::vec(any::<bool>(), 1..40), seed: u64) {
            let (model, never) = (right(&hits), right(&vec![false; hits.len()]));
            let found = bootstrap_difference(Metric::Accuracy, &never, &model, 30, seed).unwrap().unwrap();
            prop_assert_eq!(found.interval, bootstrap(Metric::Accuracy, &model, 30, seed));
        }
    }

    #[test]
    fn undefined_metrics_have_no_difference() {
        let labels = Predictions::new(vec![0.0; 2], 1, Targets::Labels(vec![0.0, 1.0])).unwrap();
        assert_eq!(bootstrap_difference(Metric::Accuracy, &labels, &labels, 10, 0).unwrap(), None);
        assert!(bootstrap_difference(Metric::Auroc, &labels, &right(&[true]), 10, 0).is_err());
    }
}
