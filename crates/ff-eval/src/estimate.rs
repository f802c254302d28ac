//! Quantities with bootstrap intervals that are computed on the same resamples.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Interval, percentiles, resampled};
use crate::groups::Groups;
use crate::predictions::Predictions;
use crate::spread::LEVEL;
use crate::value::Value;

/// A quantity computed from predictions, with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value on all samples.
    pub value: Value,
    /// The 95 % percentile bootstrap interval of the value, as of [`crate::bootstrap`]; `None`
    /// without resamples or if the value is undefined.
    pub interval: Option<Interval>,
}

/// Estimates several quantities of predictions on the same resamples.
///
/// `of` gets the number of times that each sample occurs, and returns as many values each time.
pub(crate) fn estimates(
    predictions: &Predictions,
    resamples: usize,
    seed: u64,
    of: impl Fn(&[u32]) -> Vec<Value>,
) -> Vec<Estimate> {
    let groups = Groups::of(predictions);
    let numbers =
        |times: &[u32]| -> Option<Vec<Option<f64>>> { Some(of(times).iter().map(Value::value).collect()) };
    let drawn = resampled(predictions.len(), groups.as_ref(), resamples, seed, numbers);
    let estimate = |(at, value): (usize, Value)| {
        let values = || drawn.iter().filter_map(|values| values[at]).collect();
        let interval = value.value().and_then(|_| percentiles(values(), resamples, LEVEL));
        Estimate { value, interval }
    };
    of(&vec![1; predictions.len()]).into_iter().enumerate().map(estimate).collect()
}
