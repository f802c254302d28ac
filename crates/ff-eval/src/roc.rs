//! ROC curves.

use crate::auroc::curves;
use crate::predictions::Predictions;

/// The ROC curve of one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// The index of the output, as in [`crate::OutputAuroc`].
    pub output: usize,
    /// The points from (0, 0) to (1, 1); empty without positives or without negatives.
    pub points: Vec<RocPoint>,
}

/// A point of a ROC curve: the rates when scores of at least `threshold` are predicted positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// The threshold, in the unit of the curve's scores (see [`crate::auroc_per_output`]); infinite
    /// at (0, 0).
    pub threshold: f64,
    /// The fraction of the negatives that are predicted positive: 1 less the specificity.
    pub false_positive_rate: f64,
    /// The fraction of the positives that are predicted positive: the sensitivity.
    pub true_positive_rate: f64,
}

/// Computes the ROC curves whose areas [`crate::auroc_per_output`] gives.
///
/// Points on a straight line between two others are left out, as in scikit-learn's `roc_curve`.
pub fn roc_curves(predictions: &Predictions) -> Vec<Roc> {
    let roc = |curve: &crate::auroc::Curve| Roc { output: curve.output, points: points(&curve.descending()) };
    curves(predictions).iter().map(roc).collect()
}

fn points(steps: &[(f64, u64, u64)]) -> Vec<RocPoint> {
    let Some(&(_, positives, negatives)) = steps.last() else { return Vec::new() };
    if positives == 0 || negatives == 0 {
        return Vec::new();
    }
    let point = |&(threshold, yes, no): &(f64, u64, u64)| RocPoint {
        threshold,
        false_positive_rate: no as f64 / negatives as f64,
        true_positive_rate: yes as f64 / positives as f64,
    };
    let bends = |at: usize| {
        let Some([before, here, after]) = at.checked_sub(1).and_then(|from| steps.get(from..from + 3)) else {
            return true; // the first and the last
        };
        here.1 - before.1 != after.1 - here.1 || here.2 - before.2 != after.2 - here.2
    };
    let kept = steps.iter().enumerate().filter(|(at, _)| bends(*at)).map(|(_, step)| point(step));
    std::iter::once(point(&(f64::INFINITY, 0, 0))).chain(kept).collect()
}
