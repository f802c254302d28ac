//! Cohen's kappa with quadratic weights, for ordinal classes such as grades.

use crate::{Confusion, Value};

/// `1 − Σ w·O / Σ w·E` with `w = (i − j)²`, `O` the observed counts and `E` those expected of independent raters.
///
/// The distance is that of the classes themselves, also where a class between two others does not occur: equal to
/// scikit-learn's `cohen_kappa_score(…, labels=range(C), weights="quadratic")`. Undefined where targets and
/// predictions are one and the same class throughout.
pub(crate) fn quadratic_kappa(confusion: &Confusion) -> Value {
    let samples = confusion.samples();
    if samples == 0 {
        return Value::Undefined("no samples".to_owned());
    }
    let (support, predicted) = (confusion.support(), confusion.predicted());
    let (mut observed, mut expected) = (0.0, 0.0);
    for (target, &support) in support.iter().enumerate() {
        for (taken, &predicted) in predicted.iter().enumerate() {
            let weight = target.abs_diff(taken).pow(2) as f64;
            observed += weight * confusion.count(target, taken) as f64;
            expected += weight * support as f64 * predicted as f64 / samples as f64;
        }
    }
    if expected == 0.0 {
        return Value::Undefined("targets and predictions are all of one class".to_owned());
    }
    Value::Defined(1.0 - observed / expected)
}
