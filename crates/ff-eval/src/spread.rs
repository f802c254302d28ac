//! Mean and spread over several runs, and the paired difference between two methods.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The level of every interval.
pub(crate) const LEVEL: f64 = 0.95;

/// Mean and standard deviation of a quantity over runs that differ in their seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The arithmetic mean, in the values' unit.
    pub mean: f64,
    /// The sample standard deviation (divisor n − 1), in the values' unit; undefined for one value.
    pub sd: Option<f64>,
    /// The number of values, n.
    pub count: usize,
}

impl Spread {
    /// Computes mean and standard deviation; `None` without values.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let count = values.len();
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Spread { mean, sd: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()), count })
    }
}

/// The difference between a method and the baseline, over pairs of runs that share a seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The mean of the pairs' differences, other less baseline.
    pub mean: f64,
    /// The 95 % interval of the mean difference; `None` for one pair.
    pub interval: Option<StudentInterval>,
    /// The number of pairs.
    pub count: usize,
}

/// The two-sided interval of a mean by Student's t distribution with n − 1 degrees of freedom.
///
/// It assumes that the n differences are independent draws from one normal distribution, which a
/// few seeds can neither confirm nor refute. It covers the variation between seeds on this test
/// split, not that between splits or patients; for the latter see [`crate::Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StudentInterval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The probability that such an interval contains the true mean, if the assumptions hold: 0.95.
    pub level: f64,
}

impl PairedDifference {
    /// Computes the difference of values paired in order; `None` without values or for unequal
    /// numbers of them.
    pub fn of(baseline: &[f64], other: &[f64]) -> Option<PairedDifference> {
        if baseline.len() != other.len() {
            return None;
        }
        let differences: Vec<f64> =
            baseline.iter().zip(other).map(|(baseline, other)| other - baseline).collect();
        let Spread { mean, sd, count } = Spread::of(&differences)?;
        let interval = sd.map(|sd| {
            let half = quantile((1.0 + LEVEL) / 2.0, count - 1) * sd / (count as f64).sqrt();
            StudentInterval { low: mean - half, high: mean + half, level: LEVEL }
        });
        Some(PairedDifference { mean, interval, count })
    }
}

/// The quantile of Student's t distribution with `freedom` degrees of freedom, at least 1.
fn quantile(share: f64, freedom: usize) -> f64 {
    let standard =
        StudentsT::new(0.0, 1.0, freedom as f64).expect("scale and degrees of freedom are positive");
    standard.inverse_cdf(share)
}

/// The arithmetic mean; `None` without values.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: [f64; 5] = [0.8912, 0.9035, 0.8987, 0.8840, 0.9101];
    const OTHER: [f64; 5] = [0.9243, 0.9215, 0.9260, 0.9198, 0.9290];

    #[track_caller]
    fn assert_near(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() < 1e-12 * theirs.abs().max(1.0), "{ours}, not {theirs}");
    }

    /// Expected: `a.mean(), a.std(ddof=1)` of NumPy.
    #[test]
    fn spread_matches_numpy() {
        let spread = Spread::of(&BASELINE).unwrap();
        assert_near(spread.mean, 0.8975);
        assert_near(spread.sd.unwrap(), 0.010224235912771185);
        let spread = Spread::of(&OTHER).unwrap();
        assert_near(spread.mean, 0.92412);
        assert_near(spread.sd.unwrap(), 0.0036368942794643188);
        assert_eq!(spread.count, 5);
    }

    #[test]
    fn one_run_has_no_spread_and_no_interval() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[0.5]), Some(Spread { mean: 0.5, sd: None, count: 1 }));
        assert_eq!(PairedDifference::of(&[], &[]), None);
        assert_eq!(PairedDifference::of(&[0.5], &[0.5, 0.75]), None);
        let one = PairedDifference::of(&[0.5], &[0.75]);
        assert_eq!(one, Some(PairedDifference { mean: 0.25, interval: None, count: 1 }));
    }

    /// Expected: `stats.ttest_rel(other, baseline).confidence_interval(0.95)` of SciPy 1.17.1.
    #[test]
    fn interval_matches_scipy() {
        let three = ([0.7, 0.726, 0.752], [0.71, 0.743, 0.776]);
        let of_three = [0.017, -0.00038896398225230985, 0.034388963982252344];
        let of_two = [0.0135, -0.030971716576611456, 0.05797171657661148];
        assert_interval(&BASELINE, &OTHER, [0.02662, 0.016597302358279283, 0.03664269764172071]);
        assert_interval(&three.0, &three.1, of_three);
        assert_interval(&three.0[..2], &three.1[..2], of_two);
    }

    #[track_caller]
    fn assert_interval(baseline: &[f64], other: &[f64], [mean, low, high]: [f64; 3]) {
        let difference = PairedDifference::of(baseline, other).unwrap();
        let interval = difference.interval.unwrap();
        assert_near(difference.mean, mean);
        assert_near(interval.low, low);
        assert_near(interval.high, high);
        assert_eq!((difference.count, interval.level), (baseline.len(), 0.95));
    }

    /// Expected: `stats.t.ppf(0.975, freedom)` of SciPy 1.17.1.
    #[test]
    fn quantiles_match_scipy() {
        let known = [
            (1, 12.706204736174694),
            (2, 4.302652729749462),
            (4, 2.7764451051977934),
            (9, 2.262157162798205),
            (29, 2.045229642132703),
        ];
        for (freedom, theirs) in known {
            assert_near(quantile(0.975, freedom), theirs);
        }
    }

    #[test]
    fn equal_differences_have_a_narrow_interval() {
        let interval = PairedDifference::of(&[0.25, 0.5], &[0.5, 0.75]).unwrap().interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.25, 0.25));
    }
}
