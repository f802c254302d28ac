//! The mean of a quantity over datasets and seeds, by the hierarchical bootstrap.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::bootstrap::{percentiles, resampled};
use crate::calibration::{BINS, diagrams};
use crate::groups::Groups;
use crate::metric::{Metric, Prepared};
use crate::paired::{Difference, deviation};
use crate::predictions::Predictions;
use crate::spread::mean;

/// A metric of one model, or a difference of two, on all samples and on each bootstrap resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicates {
    /// The value on all samples.
    pub value: f64,
    /// The value on each resample; NaN where it is undefined.
    resampled: Vec<f64>,
}

impl Replicates {
    /// Evaluates a metric on all samples and on each resample of the samples, or of their groups.
    ///
    /// The resamples are those of [`crate::bootstrap`] with the same seed, so models that are
    /// evaluated on the same samples have the same resamples. Returns `None` if the metric is
    /// undefined on all samples.
    pub fn of(metric: Metric, predictions: &Predictions, resamples: usize, seed: u64) -> Option<Self> {
        let prepared = Prepared::new(metric, predictions);
        Self::on_resamples(predictions, resamples, seed, |times| prepared.value(times).value())
    }

    /// The same for minus the expected calibration error (see [`crate::Calibration::ece`]) in
    /// [`BINS`] bins; multilabel: the mean over tasks. At most 0, and higher is better.
    ///
    /// A resample has more noise in each bin than the samples have, which raises the error: of one
    /// model the resamples are too low, of a difference of two models less so.
    pub fn of_calibration(predictions: &Predictions, resamples: usize, seed: u64) -> Option<Self> {
        let diagrams = diagrams(predictions, BINS);
        Self::on_resamples(predictions, resamples, seed, |times| {
            let errors = diagrams.iter().map(|diagram| Some(-diagram.count(times)?.ece));
            mean(&errors.collect::<Option<Vec<_>>>()?)
        })
    }

    /// Computes a value when sample `i` occurs `times[i]` times, for all samples and each resample.
    fn on_resamples(
        predictions: &Predictions,
        resamples: usize,
        seed: u64,
        of: impl Fn(&[u32]) -> Option<f64>,
    ) -> Option<Self> {
        let value = of(&vec![1; predictions.len()])?;
        let groups = Groups::of(predictions);
        let of = |times: &[u32]| Some(of(times).unwrap_or(f64::NAN));
        let resampled = resampled(predictions.len(), groups.as_ref(), resamples, seed, of);
        Some(Self { value, resampled })
    }

    /// Takes a value and those on resamples from elsewhere; NaN where one is undefined.
    pub fn new(value: f64, resampled: Vec<f64>) -> Self {
        Self { value, resampled }
    }

    /// The value on each resample; NaN where it is undefined.
    pub fn resampled(&self) -> &[f64] {
        &self.resampled
    }

    /// Subtracts the replicates of another model on the same samples.
    ///
    /// # Panics
    /// If the numbers of resamples differ.
    pub fn minus(&self, baseline: &Self) -> Self {
        assert_eq!(self.resampled.len(), baseline.resampled.len(), "the same resamples");
        let pairs = self.resampled.iter().zip(&baseline.resampled);
        Self {
            value: self.value - baseline.value,
            resampled: pairs.map(|(one, other)| one - other).collect(),
        }
    }

    /// Averages replicates of the same number of resamples, one by one. Returns `None` of none.
    ///
    /// # Panics
    /// If the numbers of resamples differ.
    pub fn mean(several: &[Self]) -> Option<Self> {
        let (first, rest) = several.split_first()?;
        let mut sum = first.clone();
        for other in rest {
            assert_eq!(sum.resampled.len(), other.resampled.len(), "the same number of resamples");
            sum.value += other.value;
            sum.resampled.iter_mut().zip(&other.resampled).for_each(|(sum, other)| *sum += other);
        }
        let count = several.len() as f64;
        sum.value /= count;
        sum.resampled.iter_mut().for_each(|value| *value /= count);
        Some(sum)
    }

    /// Averages over the seeds of each dataset, and then over datasets, with the percentile interval
    /// of `level` of the hierarchical bootstrap.
    ///
    /// `sets` has the seeds of each dataset. Each of `resamples` resamples draws as many datasets as
    /// there are, with replacement; of each one as many of its seeds; and one of the resamples of its
    /// samples, the same for all of its seeds, since they are tested on the same samples (Davison
    /// and Hinkley 1997, *Bootstrap Methods and their Application*, §3.8). Resample `r` is stream `r`
    /// of the ChaCha8 generator of the seed. Those with an undefined value are dropped. With few
    /// datasets or seeds the interval is too narrow.
    ///
    /// Returns `None` without datasets, and if one has no seeds.
    ///
    /// # Panics
    /// If the numbers of resamples differ inside a dataset.
    pub fn over_sets(sets: &[Vec<Self>], level: f64, resamples: usize, seed: u64) -> Option<Difference> {
        let of_seeds = |seeds: &Vec<Self>| mean(&seeds.iter().map(|of| of.value).collect::<Vec<_>>());
        let value = mean(&sets.iter().map(of_seeds).collect::<Option<Vec<f64>>>()?)?;
        let drawn = |resample: u64| {
            let mut generator = ChaCha8Rng::seed_from_u64(seed);
            generator.set_stream(resample);
            let mut draw = |count: usize| ((u128::from(generator.next_u64()) * count as u128) >> 64) as usize;
            let mut sum = 0.0;
            for _ in sets {
                let seeds = &sets[draw(sets.len())];
                let of_samples = seeds[0].resampled.len();
                assert!(seeds.iter().all(|of| of.resampled.len() == of_samples), "the same resamples");
                let at = if of_samples == 0 { None } else { Some(draw(of_samples)) };
                let mut of_set = 0.0;
                for _ in seeds {
                    let of = &seeds[draw(seeds.len())];
                    of_set += at.map_or(of.value, |at| of.resampled[at]);
                }
                sum += of_set / seeds.len() as f64;
            }
            sum / sets.len() as f64
        };
        let values: Vec<f64> = (0..resamples as u64).map(drawn).filter(|value| !value.is_nan()).collect();
        let standard_error = deviation(&values);
        Some(Difference { value, interval: percentiles(values, resamples, level), standard_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap_difference;
    use crate::predictions::Targets;

    fn right(hits: impl Iterator<Item = bool>) -> Predictions {
        let logits: Vec<f32> = hits.flat_map(|hit| if hit { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        let samples = logits.len() / 2;
        Predictions::new(logits, 2, Targets::Classes(vec![0; samples])).unwrap()
    }

    fn constant(value: f64) -> Replicates {
        Replicates { value, resampled: vec![value; 10] }
    }

    /// One seed of one dataset is the paired bootstrap.
    #[test]
    fn of_one_model_it_is_the_paired_bootstrap() {
        let (one, other) = (right((0..200).map(|i| i % 4 != 0)), right((0..200).map(|i| i % 3 != 0)));
        let of = |model| Replicates::of(Metric::Accuracy, model, 2000, 7).unwrap();
        let difference = of(&other).minus(&of(&one));
        let found = Replicates::over_sets(&[vec![difference]], 0.95, 20_000, 1).unwrap();
        let paired = bootstrap_difference(Metric::Accuracy, &one, &other, 2000, 7).unwrap().unwrap();
        assert_eq!(found.value, paired.value);
        let (found, paired) = (found.interval.unwrap(), paired.interval.unwrap());
        // Drawing again from 2,000 resamples moves the ends a little.
        assert!((found.low - paired.low).abs() < 0.006, "{found:?} {paired:?}");
        assert!((found.high - paired.high).abs() < 0.006, "{found:?} {paired:?}");
    }

    /// Of constant values with the variance v between K datasets, the standard error is √(v / K),
    /// with the population's variance.
    #[test]
    fn datasets_are_resampled() {
        let sets: Vec<Vec<Replicates>> = [0.0, 1.0, 2.0, 3.0].map(|value| vec![constant(value)]).into();
        let found = Replicates::over_sets(&sets, 0.95, 20_000, 0).unwrap();
        assert_eq!(found.value, 1.5);
        let error = found.standard_error.unwrap();
        assert!((error - (1.25f64 / 4.0).sqrt()).abs() < 0.01, "{error}");
    }

    /// The same for seeds: of K datasets with n seeds each, √(v / (K n)).
    #[test]
    fn seeds_are_resampled() {
        let seeds: Vec<Replicates> = [0.0, 1.0, 2.0, 3.0, 4.0].map(constant).into();
        let sets = vec![seeds.clone(), seeds.clone(), seeds];
        let found = Replicates::over_sets(&sets, 0.95, 20_000, 0).unwrap();
        assert_eq!(found.value, 2.0);
        let error = found.standard_error.unwrap();
        assert!((error - (2.0f64 / 15.0).sqrt()).abs() < 0.01, "{error}");
    }

    /// Seeds that are tested on the same samples share the resample: with equal replicates the
    /// error of the samples does not shrink with the number of seeds.
    #[test]
    fn seeds_share_the_resample() {
        let model = Replicates::of(Metric::Accuracy, &right((0..100).map(|i| i % 5 != 0)), 4000, 3).unwrap();
        let found = Replicates::over_sets(&[vec![model; 5]], 0.95, 20_000, 0).unwrap();
        let error = found.standard_error.unwrap();
        assert!((error - (0.8f64 * 0.2 / 100.0).sqrt()).abs() < 0.002, "{error}");
    }

    /// A model that is sure to 0.731 and right in 60 of 100 has the error 0.131.
    #[test]
    fn calibration_errors_are_negated() {
        let found = Replicates::of_calibration(&right((0..100).map(|i| i < 60)), 500, 1).unwrap();
        let said = 1.0 / (1.0 + (-1.0f64).exp());
        assert!((found.value - (0.6 - said)).abs() < 1e-7, "{}", found.value);
        let spread = deviation(found.resampled()).unwrap();
        assert!((spread - (0.6f64 * 0.4 / 100.0).sqrt()).abs() < 0.005, "{spread}");
    }

    #[test]
    fn networks_are_averaged() {
        let found = Replicates::mean(&[constant(1.0), constant(3.0)]).unwrap();
        assert_eq!(found, constant(2.0));
        assert_eq!(Replicates::mean(&[]), None);
        assert_eq!(Replicates::over_sets(&[], 0.95, 10, 0), None);
        assert_eq!(Replicates::over_sets(&[vec![]], 0.95, 10, 0), None);
    }

    #[test]
    fn undefined_resamples_are_dropped() {
        let half = Replicates { value: 1.0, resampled: vec![1.0, f64::NAN] };
        let found = Replicates::over_sets(&[vec![half]], 0.95, 1000, 0).unwrap();
        let interval = found.interval.unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
        assert!((300..700).contains(&interval.dropped), "{}", interval.dropped);
    }
}
