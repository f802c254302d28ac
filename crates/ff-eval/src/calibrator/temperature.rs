//! Temperature scaling: the one divisor of all logits that minimises log loss.

use crate::predictions::Predictions;
use crate::probability::softmax_at;

/// The range of temperatures. Outside it the logits are all but a hard decision, or no decision.
pub(super) const RANGE: [f64; 2] = [0.01, 100.0];

/// Fits the temperature to samples of these classes.
///
/// The log loss is convex in β = 1/T (it is a sum of log-sum-exps of linear functions of β), so its
/// slope changes sign once: at the minimum, which bisection of ln β finds. The result is an end of
/// [`RANGE`] if the minimum is not inside, and 1 if all temperatures are equally good, as where all
/// logits of each sample are equal.
pub(super) fn fit(predictions: &Predictions, classes: &[usize]) -> f64 {
    let slope = |temperature: f64| slope(predictions, classes, temperature);
    let [mut low, mut high] = RANGE;
    if slope(1.0) == 0.0 {
        return 1.0;
    }
    if slope(low) <= 0.0 {
        return low;
    }
    if slope(high) >= 0.0 {
        return high;
    }
    while high / low - 1.0 > 1e-13 {
        let middle = (low * high).sqrt();
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low * high).sqrt()
}

/// The slope of the summed log loss in β = 1/T: the mean logit under the softmax, less that of the
/// true class, summed over samples.
fn slope(predictions: &Predictions, classes: &[usize], temperature: f64) -> f64 {
    let of_sample = |(sample, &class): (usize, &usize)| {
        let row = predictions.row(sample);
        // Of equal logits, all differences are exactly 0.
        let beyond = |logit: f32| f64::from(logit) - f64::from(row[class]);
        let weighted = softmax_at(row, temperature).into_iter().zip(row).map(|(p, &logit)| p * beyond(logit));
        weighted.sum::<f64>()
    };
    classes.iter().enumerate().map(of_sample).sum()
}
