//! Cohen's kappa with quadratic weights, for ordinal classes such as grades.

use crate::confusion::Confusion;
use crate::value::Value;

/// Computes `1 − Σ w·O / Σ w·E` with `w = (i − j)²`, `O` the observed counts and `E` the counts
/// expected of independent raters.
///
/// Distances count classes that do not occur, as in scikit-learn's
/// `cohen_kappa_score(…, labels=range(C), weights="quadratic")`. Undefined if all targets and
/// predictions are of one class.
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

/// Computes the matrix of the highest kappa that is possible once the `unseen` samples of each
/// class are predicted too.
///
/// It is not always the one where they are all predicted correctly: a wrong prediction adds to the
/// observed disagreement, but also to the expected one, which can raise kappa where the seen
/// samples agree little. Kappa is highest where `λ = Σ w·O / Σ w·E` is lowest, a ratio of two sums
/// over samples: one of class `t` predicted as `k` adds `w(t, k)` to the numerator and `g(k) / N =
/// Σ w(t′, k)·support(t′) / N` to the denominator. The algorithm is Dinkelbach's (1967, *On
/// nonlinear fractional programming*): from any attainable `λ`, predict each unseen sample as the
/// `k` of lowest `w(t, k) − λ·g(k) / N`; if that does not give a lower ratio, none is lower. All
/// sums are integers, so the result is exact.
pub(crate) fn highest(counts: &Confusion, unseen: &[u64]) -> Confusion {
    let classes = counts.classes();
    let weight = |target: usize, taken: usize| target.abs_diff(taken).pow(2) as i128;
    let support: Vec<u64> = counts.support().iter().zip(unseen).map(|(seen, unseen)| seen + unseen).collect();
    let expects =
        |taken| (0..classes).map(|target| weight(target, taken) * i128::from(support[target])).sum();
    let expects: Vec<i128> = (0..classes).map(expects).collect();
    let with = |taken: &[usize]| {
        let mut matrix = counts.clone();
        for (target, &taken) in taken.iter().enumerate() {
            matrix.add(target, taken, unseen[target]);
        }
        matrix
    };
    // Σ w·O and N·Σ w·E.
    let ratio = |matrix: &Confusion| -> (i128, i128) {
        let of_row = |target| -> i128 {
            (0..classes).map(|taken| weight(target, taken) * i128::from(matrix.count(target, taken))).sum()
        };
        let expected = matrix.predicted().into_iter().zip(&expects).map(|(count, of)| i128::from(count) * of);
        ((0..classes).map(of_row).sum(), expected.sum())
    };

    let mut best = with(&(0..classes).collect::<Vec<_>>());
    let (mut observed, mut expected) = ratio(&best);
    loop {
        let cost = |target: usize, taken: usize| weight(target, taken) * expected - observed * expects[taken];
        let cheapest = |target| (0..classes).min_by_key(|&taken| cost(target, taken)).unwrap_or(target);
        let next = with(&(0..classes).map(cheapest).collect::<Vec<_>>());
        let (next_observed, next_expected) = ratio(&next);
        if next_observed * expected >= observed * next_expected {
            return best;
        }
        (best, observed, expected) = (next, next_observed, next_expected);
    }
}
