//! The variance of the difference between two areas under ROC curves, for samples in groups.

use crate::groups::Groups;

/// The contribution of a sample to the difference of two areas: its index, its truth (positive or
/// negative), and its placement by the other model less that by the baseline.
pub(crate) type Gain = (usize, bool, f64);

/// The sums of one group's gains, separately for positives and negatives.
///
/// Each gain is taken less the mean of its kind, and divided by the number of all samples of its
/// kind.
#[derive(Default, Clone)]
struct Sums {
    positive: f64,
    negative: f64,
    /// True if the group has negatives, and positives.
    has: [bool; 2],
}

/// Computes the variance of the difference of two areas from the gains of all known samples.
///
/// With `a` the sum over the positives of a group, `b` that over its negatives and f(k) = k/(k −
/// 1), it is f(I₁₀)·Σa² + f(I₀₁)·Σb² + 2·f(I)·Σab, where I₁₀ groups have positives, I₀₁ negatives
/// and I either. The paper's S₁₀, S₀₁ and S₁₁ are these sums times `m`, `n` and `m·n`. Its var₁ +
/// var₂ − 2·cov₁₂ equals this sum over the gains, because they are differences of the two models'
/// components. f(I) is the smallest of the three factors, so the variance is not negative. Where
/// each sample is a group of its own, Σab is 0, I₁₀ and I₀₁ are the numbers of positives and
/// negatives, and it equals DeLong's variance.
///
/// Source: Obuchowski 1997, *Nonparametric analysis of clustered ROC curve data*, Biometrics
/// 53:567–578.
///
/// # Errors
/// A text that says why, if fewer than 2 groups have positives or fewer than 2 have negatives.
pub(crate) fn variance(gains: &[Gain], groups: &Groups) -> Result<f64, String> {
    let of_kind = |kind| gains.iter().filter(move |gain| gain.1 == kind).map(|gain| gain.2);
    let [of_negatives, of_positives] = [false, true].map(|kind| {
        let count = of_kind(kind).count() as f64;
        (of_kind(kind).sum::<f64>() / count, count)
    });
    let mut sums = vec![Sums::default(); groups.count];
    for &(sample, positive, gain) in gains {
        let of = &mut sums[groups.of_sample[sample]];
        let (sum, (mean, count)) =
            if positive { (&mut of.positive, of_positives) } else { (&mut of.negative, of_negatives) };
        *sum += (gain - mean) / count;
        of.has[usize::from(positive)] = true;
    }

    let having = |has: fn(&Sums) -> bool| sums.iter().filter(|of| has(of)).count();
    let (with_positives, with_negatives) = (having(|of| of.has[1]), having(|of| of.has[0]));
    if with_positives < 2 || with_negatives < 2 {
        return Err(format!(
            "expected at least 2 groups with positive and 2 with negative samples, found {with_positives} and {with_negatives}"
        ));
    }
    let factor = |groups: usize| groups as f64 / (groups - 1) as f64;
    let total = |of: fn(&Sums) -> f64| sums.iter().map(of).sum::<f64>();
    let variance = factor(with_positives) * total(|of| of.positive * of.positive)
        + factor(with_negatives) * total(|of| of.negative * of.negative)
        + 2.0 * factor(having(|of| of.has != [false; 2])) * total(|of| of.positive * of.negative);
    Ok(variance.max(0.0)) // rounding may give a negative number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::predictions::{Predictions, Targets};

    fn groups(numbers: Vec<u32>) -> Groups {
        let zeros = vec![0.0; numbers.len()];
        let predictions = Predictions::new(zeros.clone(), 1, Targets::Labels(zeros)).unwrap();
        Groups::of(&predictions.with_groups(numbers).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn groups_of_one_sample_give_delongs_variance(
            positives in prop::collection::vec(-1.0..1.0f64, 2..20),
            negatives in prop::collection::vec(-1.0..1.0f64, 2..20),
        ) {
            let gains = positives.iter().map(|gain| (true, gain)).chain(negatives.iter().map(|gain| (false, gain)));
            let gains: Vec<Gain> = gains.enumerate().map(|(at, (positive, &gain))| (at, positive, gain)).collect();
            let of_kind = |gains: &[f64]| {
                let count = gains.len() as f64;
                let mean = gains.iter().sum::<f64>() / count;
                gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0) / count
            };
            let found = variance(&gains, &groups((0..gains.len() as u32).collect())).unwrap();
            prop_assert!((found - of_kind(&positives) - of_kind(&negatives)).abs() < 1e-12);
        }

        /// Each group has k copies of a positive and of a negative; the copies add no information.
        #[test]
        fn copies_within_a_group_change_nothing(
            pairs in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 2..20),
            copies in 1usize..5,
        ) {
            let of = |copies: usize| {
                let samples = pairs.iter().enumerate().flat_map(|(group, &(positive, negative))| {
                    [(group as u32, true, positive), (group as u32, false, negative)].repeat(copies)
                });
                let (numbers, gains): (Vec<u32>, Vec<Gain>) =
                    samples.enumerate().map(|(at, (group, positive, gain))| (group, (at, positive, gain))).unzip();
                variance(&gains, &groups(numbers)).unwrap()
            };
            prop_assert!((of(1) - of(copies)).abs() < 1e-12);
        }
    }
}
