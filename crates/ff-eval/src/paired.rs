//! The difference of a metric between two models on the same samples.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Interval, interval};
use crate::error::Error;
use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::predictions::{Predictions, Targets};

/// How much higher a metric is for one model than for the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Other less baseline, on all samples.
    pub value: f64,
    /// 95 % percentile interval of it, if resamples were asked for.
    pub interval: Option<Interval>,
}

/// What an interval lets one say of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The whole interval is above 0.
    Higher,
    /// The whole interval is below 0.
    Lower,
    /// The interval holds 0, or there is none: no difference is shown.
    Neither,
}

impl Difference {
    /// What may be said of it.
    pub fn shown(&self) -> Shown {
        self.interval.map_or(Shown::Neither, |ends| Shown::by(ends.low, ends.high))
    }
}

impl Shown {
    /// What an interval of a difference shows.
    pub fn by(low: f64, high: f64) -> Shown {
        match (low > 0.0, high < 0.0) {
            (true, _) => Shown::Higher,
            (_, true) => Shown::Lower,
            _ => Shown::Neither,
        }
    }
}

/// The difference of a metric between two models, with its interval from resamples of the samples,
/// or of their groups, in each of which both models meet the same ones. The resamples are those of
/// [`crate::bootstrap`] with the same seed; one on which the metric is undefined for either model
/// is dropped. `None` if the metric is undefined for either model on all samples. If only one of
/// the two has groups, they hold for both: they say which samples belong together, whoever knows
/// it.
///
/// # Errors
/// [`Error::Unpaired`] if the predictions are not of the same samples, or both have groups that
/// differ in more than their numbers.
pub fn bootstrap_difference(
    metric: Metric,
    baseline: &Predictions,
    other: &Predictions,
    resamples: usize,
    seed: u64,
) -> Result<Option<Difference>, Error> {
    let groups = check_paired(baseline, other)?;
    let (theirs, ours) = (Prepared::new(metric, baseline), Prepared::new(metric, other));
    let difference = |times: &[u32]| Some(ours.value(times).value()? - theirs.value(times).value()?);
    let samples = baseline.len();
    let Some(value) = difference(&vec![1; samples]) else { return Ok(None) };
    let interval = interval(samples, groups.as_ref(), resamples, seed, difference);
    Ok(Some(Difference { value, interval }))
}

/// Whether two models' predictions are of the same samples, as far as their targets and groups
/// tell. The groups are those of either, where both have some the same.
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
    fn is_as_wide_as_theory_says() {
        let baseline: Vec<bool> = (0..400).map(|i| i >= 40).collect();
        let other: Vec<bool> = (0..400).map(|i| i < 380).collect();
        let of = |a: &[bool], b: &[bool]| {
            bootstrap_difference(Metric::Accuracy, &right(a), &right(b), 4000, 1).unwrap().unwrap()
        };
        let found = of(&baseline, &other);
        let Interval { low, high, .. } = found.interval.unwrap();
        assert!((found.value - 0.05).abs() < 1e-12);
        assert!((low - 0.0124).abs() < 0.006 && (high - 0.0876).abs() < 0.006, "{low} {high}");
        assert_eq!(found.shown(), Shown::Higher);
        assert_eq!(of(&other, &baseline).shown(), Shown::Lower);
    }

    proptest! {
        #[test]
        fn a_model_does_not_differ_from_itself(hits in prop::collection::vec(any::<bool>(), 1..40), seed: u64) {
            let model = right(&hits);
            let found = bootstrap_difference(Metric::Accuracy, &model, &model, 30, seed).unwrap().unwrap();
            let interval = found.interval.unwrap();
            prop_assert_eq!((found.value, interval.low, interval.high), (0.0, 0.0, 0.0));
            prop_assert_eq!(found.shown(), Shown::Neither);
        }

        /// Against a model that is never right, the difference is the metric itself and so is its
        /// interval.
        #[test]
        fn meets_the_resamples_of_the_bootstrap(hits in prop::collection::vec(any::<bool>(), 1..40), seed: u64) {
            let (model, never) = (right(&hits), right(&vec![false; hits.len()]));
            let found = bootstrap_difference(Metric::Accuracy, &never, &model, 30, seed).unwrap().unwrap();
            prop_assert_eq!(found.interval, bootstrap(Metric::Accuracy, &model, 30, seed));
        }
    }

    #[test]
    fn says_nothing_where_the_metric_does_not() {
        let labels = Predictions::new(vec![0.0; 2], 1, Targets::Labels(vec![0.0, 1.0])).unwrap();
        assert_eq!(bootstrap_difference(Metric::Accuracy, &labels, &labels, 10, 0).unwrap(), None);
        assert!(bootstrap_difference(Metric::Auroc, &labels, &right(&[true]), 10, 0).is_err());
    }
}
