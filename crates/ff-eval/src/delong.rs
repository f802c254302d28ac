//! DeLong's test of the difference between two areas under ROC curves of the same samples.

use serde::{Deserialize, Serialize};
use statrs::function::erf::{erfc, erfc_inv};

use crate::auroc::{Curve, curves};
use crate::clustered::{Gain, variance};
use crate::error::Error;
use crate::groups::Groups;
use crate::paired::check_paired;
use crate::predictions::Predictions;
use crate::spread::LEVEL;

/// The difference between two models' AUROC of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputDifference {
    /// The index of the output, as in [`crate::OutputAuroc`].
    pub output: usize,
    /// The result of the test, or why it is undefined.
    pub outcome: DeLong,
}

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeLong {
    /// There are at least two positives and two negatives; with groups, at least two that have
    /// positives and two that have negatives.
    Defined(AurocDifference),
    /// The reason why the test is undefined, in words.
    Undefined(String),
}

/// Two areas on the same samples, and the test of their difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AurocDifference {
    /// The baseline's area.
    pub baseline: f64,
    /// The other model's area.
    pub other: f64,
    /// The other model's area less the baseline's.
    pub difference: f64,
    /// The standard error of the difference, with the pairing of samples and their groups.
    pub standard_error: f64,
    /// The ends of the 95 % interval of the difference, by the normal distribution; they may exceed
    /// −1 and 1.
    pub interval: (f64, f64),
    /// The two-sided p-value of no difference, by the normal distribution; undefined if the
    /// standard error is 0, as for two models that rank all samples the same.
    pub p: Option<f64>,
}

/// Runs DeLong's test for each output of [`crate::auroc_per_output`].
///
/// An output is tested on the samples where it is known. There is no correction for the number of
/// outputs.
///
/// Of predictions with groups it is the test for clustered data: the areas are the same, and the
/// standard error is computed from sums over each group, with the covariance between the positives
/// and the negatives of a group. Where each sample is a group of its own, the result has the same
/// bits as without groups. With few groups the normal distribution makes the interval too narrow:
/// see [`crate::Note::FewGroups`]. If only one of the two has groups, they apply to both.
///
/// Sources: DeLong, DeLong and Clarke-Pearson 1988, in O(N log N) by sorting, as Sun and Xu 2014 do
/// by mid-ranks; with groups Obuchowski 1997, *Nonparametric analysis of clustered ROC curve data*,
/// Biometrics 53:567–578.
///
/// # Errors
/// [`Error::Unpaired`] if the targets differ, or if both have groups and these differ in more than
/// their numbering.
pub fn delong(baseline: &Predictions, other: &Predictions) -> Result<Vec<OutputDifference>, Error> {
    // Groups of one sample each would change only the rounding.
    let groups = check_paired(baseline, other)?.filter(|groups| !groups.are_samples());
    let pairs = curves(baseline).into_iter().zip(curves(other));
    let outcome = |(baseline, other): (Curve, Curve)| OutputDifference {
        output: baseline.output,
        outcome: test(&baseline, &other, counts(&baseline), groups.as_ref()),
    };
    Ok(pairs.map(outcome).collect())
}

/// The numbers of positives and negatives.
fn counts(curve: &Curve) -> (u64, u64) {
    curve.descending().last().map_or((0, 0), |&(_, positives, negatives)| (positives, negatives))
}

fn test(
    baseline: &Curve,
    other: &Curve,
    (positives, negatives): (u64, u64),
    groups: Option<&Groups>,
) -> DeLong {
    let undefined = |why: String| DeLong::Undefined(format!("output {}: {why}", baseline.output));
    if positives < 2 || negatives < 2 {
        return undefined(format!(
            "expected at least 2 positive and 2 negative samples, found {positives} and {negatives}"
        ));
    }
    // A sample's loss is (1 − its placement) / the number of its kind, which gives the differences
    // of placements.
    let (mut ours, mut theirs) = (other.losses(), baseline.losses());
    ours.sort_unstable_by_key(|of| of.0);
    theirs.sort_unstable_by_key(|of| of.0);
    let lacks = |of: &[(usize, bool, f64)]| of.iter().filter(|of| of.1).map(|of| of.2).sum::<f64>();
    let (area, baseline_area) = (1.0 - lacks(&ours), 1.0 - lacks(&theirs));
    let gain = |(&(sample, positive, ours), &(_, _, theirs)): (&Gain, &Gain)| {
        let count = if positive { positives } else { negatives };
        (sample, positive, (theirs - ours) * count as f64)
    };
    let gains: Vec<Gain> = ours.iter().zip(&theirs).map(gain).collect();
    let difference = mean(&gains, true, positives);
    let variance = match groups {
        None => of_kind(&gains, true, positives) + of_kind(&gains, false, negatives),
        Some(groups) => match variance(&gains, groups) {
            Ok(variance) => variance,
            Err(why) => return undefined(why),
        },
    };
    let standard_error = variance.sqrt();
    let half = std::f64::consts::SQRT_2 * erfc_inv(1.0 - LEVEL) * standard_error;
    let z = difference.abs() / standard_error;
    DeLong::Defined(AurocDifference {
        baseline: baseline_area,
        other: area,
        difference,
        standard_error,
        interval: (difference - half, difference + half),
        p: (standard_error > 0.0).then(|| erfc(z / std::f64::consts::SQRT_2)),
    })
}

/// The mean gain of the `count` positives or negatives.
fn mean(gains: &[Gain], kind: bool, count: u64) -> f64 {
    gains.iter().filter(|gain| gain.1 == kind).map(|gain| gain.2).sum::<f64>() / count as f64
}

/// The part of the variance from the `count` positives or negatives, each independent.
fn of_kind(gains: &[Gain], kind: bool, count: u64) -> f64 {
    let mean = mean(gains, kind, count);
    let squares = gains.iter().filter(|gain| gain.1 == kind).map(|gain| (gain.2 - mean).powi(2));
    squares.sum::<f64>() / (count - 1) as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Targets;

    fn of(logits: &[f32], labels: &[f32]) -> Predictions {
        Predictions::new(logits.to_vec(), 1, Targets::Labels(labels.to_vec())).unwrap()
    }

    #[test]
    fn undefined_tests_say_why() {
        let labels = [1.0, 0.0, 0.0, f32::NAN];
        let one = of(&[0.0, 1.0, 2.0, 3.0], &labels);
        let why = "output 0: expected at least 2 positive and 2 negative samples, found 1 and 2";
        assert_eq!(delong(&one, &one).unwrap()[0].outcome, DeLong::Undefined(why.into()));
    }

    #[test]
    fn equal_rankings_have_no_p() {
        let labels = [1.0, 0.0, 0.0, 1.0];
        let outcome =
            delong(&of(&[0.0, 1.0, 2.0, 3.0], &labels), &of(&[0.0, 2.0, 4.0, 6.0], &labels)).unwrap();
        let DeLong::Defined(found) = &outcome[0].outcome else { panic!("{outcome:?}") };
        assert_eq!((found.difference, found.standard_error, found.p), (0.0, 0.0, None));
        assert_eq!(found.interval, (0.0, 0.0));
    }

    #[test]
    fn other_samples_are_refused() {
        let one = of(&[0.0, 1.0], &[1.0, 0.0]);
        let message = |other: &Predictions| delong(&one, other).unwrap_err().to_string();
        assert!(message(&of(&[0.0, 1.0], &[0.0, 1.0])).contains("found other targets"));
        assert!(message(&of(&[0.0], &[1.0])).contains("found other numbers of samples"));
    }
}
