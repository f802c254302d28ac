//! ROC curves.

use crate::auroc::curves;
use crate::predictions::Predictions;

/// The ROC curve of one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// Which output, as in [`crate::OutputAuroc`].
    pub output: usize,
    /// From (0, 0) to (1, 1); empty if positives or negatives are missing.
    pub points: Vec<RocPoint>,
}

/// What happens if every score of at least `threshold` is taken for a yes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// In the unit of what the curve sorts by (see [`crate::auroc_per_output`]); infinite at (0,
    /// 0).
    pub threshold: f64,
    /// Share of the negatives taken for a yes; 1 less the specificity.
    pub false_positive_rate: f64,
    /// Share of the positives taken for a yes; the sensitivity.
    pub true_positive_rate: f64,
}

/// The curves behind [`crate::auroc_per_output`]. Points between two others on a straight line are
/// left out, as scikit-learn's `roc_curve` does.
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
