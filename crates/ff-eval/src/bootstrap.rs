//! Percentile bootstrap intervals.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::predictions::Predictions;
use crate::spread::LEVEL;

/// The largest number of resamples that user input should allow.
///
/// Each resample is a pass over all samples.
pub const MAX_RESAMPLES: usize = 1_000_000;

/// The percentile interval of a metric over resamples of the samples, or of their groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end: the 2.5th percentile of the resamples, interpolated linearly as in NumPy; of
    /// another level that of (1 − `level`)/2.
    pub low: f64,
    /// The upper end: the 97.5th percentile; of another level that of (1 + `level`)/2.
    pub high: f64,
    /// The fraction of the resamples inside: 0.95, or more where several differences are compared
    /// ([`crate::Subgroups`]).
    pub level: f64,
    /// The number of resamples drawn.
    pub resamples: usize,
    /// The number of resamples dropped because the metric is undefined on them.
    pub dropped: usize,
}

/// Computes the 95 % percentile interval of a metric by the bootstrap.
///
/// Each of `resamples` resamples draws `N` of the `N` samples with replacement. Of predictions with
/// groups it draws `G` of the `G` groups, each with all of its samples (cluster bootstrap; Davison
/// and Hinkley 1997, *Bootstrap Methods and their Application*, §3.8). With few groups the interval
/// is too narrow: see [`crate::Note::FewGroups`].
///
/// A macro mean is over the classes, or the tasks with both classes, in the resample. Returns
/// `None` if `resamples` is 0, there are fewer than 2 groups, or the metric is undefined on the
/// predictions themselves or on every resample.
///
/// Resample `r` is a pure function of (seed, r, N), or of (seed, r, G) with the groups in the order
/// of their first samples: stream `r` of the ChaCha8 generator of the seed. So two models scored on
/// the same samples with the same seed get the same resamples. Samples that are each a group of
/// their own get the same resamples as samples without groups.
pub fn bootstrap(metric: Metric, predictions: &Predictions, resamples: usize, seed: u64) -> Option<Interval> {
    let prepared = Prepared::new(metric, predictions);
    prepared.value(&vec![1; predictions.len()]).value()?;
    let groups = Groups::of(predictions);
    let value = |times: &[u32]| prepared.value(times).value();
    interval(predictions.len(), groups.as_ref(), resamples, seed, value)
}

/// Computes the 95 % percentile interval of any quantity by the bootstrap.
///
/// `of` gets the number of times that each of the `samples` samples is in the resample.
pub(crate) fn interval(
    samples: usize,
    groups: Option<&Groups>,
    resamples: usize,
    seed: u64,
    of: impl Fn(&[u32]) -> Option<f64>,
) -> Option<Interval> {
    percentiles(resampled(samples, groups, resamples, seed, of), resamples, LEVEL)
}

/// Computes a quantity on every resample on which it is defined; none with fewer than 2 groups.
pub(crate) fn resampled<T>(
    samples: usize,
    groups: Option<&Groups>,
    resamples: usize,
    seed: u64,
    of: impl Fn(&[u32]) -> Option<T>,
) -> Vec<T> {
    let mut values = Vec::new(); // not preallocated: the number of resamples may be a mistake
    if groups.is_some_and(|groups| groups.count < 2) {
        return values;
    }
    let mut times = vec![0; samples];
    let mut of_groups = vec![0; groups.map_or(0, |groups| groups.count)];
    for resample in 0..resamples as u64 {
        match groups {
            None => draw(seed, resample, &mut times),
            Some(groups) => {
                draw(seed, resample, &mut of_groups);
                groups.spread(&of_groups, &mut times);
            }
        }
        values.extend(of(&times));
    }
    values
}

/// The percentile interval of this level of the values on `resamples` resamples; `None` without
/// values.
pub(crate) fn percentiles(mut values: Vec<f64>, resamples: usize, level: f64) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp); // in place; equal values have the same bits
    let tail = (1.0 - level) / 2.0;
    Some(Interval {
        low: percentile(&values, tail)?,
        high: percentile(&values, 1.0 - tail)?,
        level,
        resamples,
        dropped: resamples - values.len(),
    })
}

/// Draws `times.len()` samples, or groups, with replacement, and counts each.
fn draw(seed: u64, resample: u64, times: &mut [u32]) {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(resample);
    times.fill(0);
    for _ in 0..times.len() {
        // The high half of a 64 × 64-bit product is uniform to one part in 2⁶⁴ / N, and the same on
        // every platform.
        let product = u128::from(generator.next_u64()) * times.len() as u128;
        times[(product >> 64) as usize] += 1;
    }
}

/// The percentile of sorted values, interpolated linearly; `None` without values.
pub(crate) fn percentile(ascending: &[f64], share: f64) -> Option<f64> {
    let at = share * ascending.len().checked_sub(1)? as f64;
    let (below, above) = (ascending[at.floor() as usize], ascending[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Targets;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_linear_between_neighbours() {
        let values: Vec<f64> = (0..=4).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.025), Some(0.1));
        assert_eq!(percentile(&values, 0.5), Some(2.0));
        assert_eq!(percentile(&[7.0], 0.975), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn resamples_have_as_many_samples() {
        let mut times = vec![0; 1000];
        draw(3, 8, &mut times);
        assert_eq!(times.iter().sum::<u32>(), 1000);
        // 1/e of the samples are left out on average.
        let absent = times.iter().filter(|&&times| times == 0).count();
        assert!((330..=405).contains(&absent), "{absent}");
        let mut others = vec![0; 1000];
        draw(3, 9, &mut others);
        assert_ne!(times, others);
    }

    /// Accuracy 0.8 of 400 samples: the normal approximation is 0.8 ± 1.96 · √(0.8 · 0.2 / 400) =
    /// 0.8 ± 0.0392.
    #[test]
    fn width_matches_the_normal_approximation() {
        let targets: Vec<usize> = (0..400).map(|i| usize::from(i % 5 == 0)).collect();
        let predictions = Predictions::new([1.0, 0.0].repeat(400), 2, Targets::Classes(targets)).unwrap();
        let interval = bootstrap(Metric::Accuracy, &predictions, 2000, 1).unwrap();
        assert!(
            (interval.low - 0.7608).abs() < 0.006 && (interval.high - 0.8392).abs() < 0.006,
            "{interval:?}"
        );
        assert_eq!(bootstrap(Metric::Accuracy, &predictions, 2000, 1), Some(interval));
        assert_eq!(bootstrap(Metric::Accuracy, &predictions, 0, 1), None);
    }

    #[test]
    fn dropped_resamples_are_counted() {
        // One positive in four: (3/4)⁴ = 32 % of the resamples have none, 1/256 only positives.
        let labels = Targets::Labels(vec![1.0, 0.0, 0.0, 0.0]);
        let predictions = Predictions::new(vec![0.3, 0.1, 0.2, 0.4], 1, labels).unwrap();
        let interval = bootstrap(Metric::Auroc, &predictions, 1000, 5).unwrap();
        assert!((250..390).contains(&interval.dropped), "{interval:?}");
        let one_class = Predictions::new(vec![0.3, 0.1], 1, Targets::Labels(vec![0.0, 0.0])).unwrap();
        assert_eq!(bootstrap(Metric::Auroc, &one_class, 100, 5), None);
    }

    proptest! {
        /// A sample counted k times gives the same value as k copies of it.
        #[test]
        fn counts_equal_copies(
            rows in prop::collection::vec((0usize..4, prop::array::uniform4(-2i8..3), 0u32..4), 1..30),
        ) {
            let times: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let make = |rows: &[&(usize, [i8; 4], u32)]| {
                let logits = rows.iter().flat_map(|row| row.1.map(f32::from)).collect();
                let classes = Targets::Classes(rows.iter().map(|row| row.0).collect());
                Predictions::new(logits, 4, classes).unwrap()
            };
            let once = make(&rows.iter().collect::<Vec<_>>());
            let copies = make(&rows.iter().flat_map(|row| vec![row; row.2 as usize]).collect::<Vec<_>>());
            for metric in Metric::ALL {
                let counted = Prepared::new(metric, &once).value(&times);
                let copied = metric.evaluate(&copies);
                match (metric, counted.value(), copied.value()) {
                    // The only metric that is a sum of floats: three times a loss is rounded once,
                    // three terms of it are rounded each.
                    (Metric::LogLoss, Some(one), Some(other)) => {
                        prop_assert!((one - other).abs() < 1e-12, "{one}, {other}");
                    }
                    _ => prop_assert_eq!(counted, copied),
                }
            }
        }
    }
}
