//! Folds of samples for cross-fitting.

use crate::error::Error;
use crate::groups::Groups;
use crate::predictions::{Predictions, Targets};

/// The least number of samples that are divided.
const LEAST: usize = 10;

/// A division of samples into folds, in each of which the classes have about the same shares.
///
/// Groups, such as patients, are not divided. It is deterministic, and depends only on targets and
/// groups, so models that predicted the same samples have the same folds.
///
/// The largest groups are dealt first, each to the fold in which its classes are the rarest so far
/// (the idea of scikit-learn's `StratifiedGroupKFold`). Samples without groups are dealt by class
/// in turn. For tasks, the positives count as classes do.
///
/// ```
/// use ff_eval::{Folds, Predictions, Targets};
///
/// let targets = Targets::Classes([0, 0, 0, 1].repeat(5));
/// let predictions = Predictions::new(vec![0.0; 40], 2, targets)?;
/// let folds = Folds::new(&predictions, 5)?;
/// assert_eq!((folds.count(), folds.samples(0).len()), (5, 4));
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    of_sample: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Divides samples into `wanted` folds, or into as many as there are groups.
    ///
    /// # Errors
    /// [`Error::Folds`] for fewer than 2 folds, 10 samples or 2 groups.
    pub fn new(predictions: &Predictions, wanted: usize) -> Result<Folds, Error> {
        let samples = predictions.len();
        let groups = Groups::of(predictions);
        let units = groups.as_ref().map_or(samples, |groups| groups.count);
        let wrong = |expected: &'static str, found: usize| Err(Error::Folds { expected, found });
        if wanted < 2 {
            return wrong("at least 2 folds", wanted);
        }
        if samples < LEAST {
            return wrong("at least 10 samples to divide", samples);
        }
        if units < 2 {
            return wrong("samples of at least 2 groups to divide", units);
        }
        let count = wanted.min(units);
        let outputs = predictions.outputs();
        let unit = |sample: usize| groups.as_ref().map_or(sample, |groups| groups.of_sample[sample]);
        // What each unit has: samples of each class, or positives of each task; and all samples.
        let mut has = vec![vec![0u32; outputs + 1]; units];
        let mut all = vec![0u32; outputs + 1];
        for sample in 0..samples {
            for output in classes(predictions.targets(), outputs, sample).chain([outputs]) {
                has[unit(sample)][output] += 1;
                all[output] += 1;
            }
        }
        let mut order: Vec<usize> = (0..units).collect();
        // The largest first; among equal ones those with the rarest class, which fit in fewest places.
        let rarest = |unit: usize| (0..outputs).filter(|&of| has[unit][of] > 0).map(|of| all[of]).min();
        order.sort_by_key(|&unit| (std::cmp::Reverse(has[unit][outputs]), rarest(unit), unit));
        let mut fold_has = vec![vec![0u32; outputs + 1]; count];
        let mut of_unit = vec![0; units];
        for unit in order {
            // The share of each of the unit's classes that the fold would have, above its due.
            let excess = |fold: usize| -> f64 {
                let of = |output: usize| {
                    let with = f64::from(fold_has[fold][output] + has[unit][output]);
                    f64::from(has[unit][output]) * with / f64::from(all[output])
                };
                (0..outputs).filter(|&output| has[unit][output] > 0).map(of).sum()
            };
            let scores: Vec<(f64, u32)> =
                (0..count).map(|fold| (excess(fold), fold_has[fold][outputs])).collect();
            let fold = (0..count).min_by(|&a, &b| {
                let (a, b) = (scores[a], scores[b]);
                a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
            });
            let fold = fold.unwrap_or_default();
            of_unit[unit] = fold;
            fold_has[fold].iter_mut().zip(&has[unit]).for_each(|(sum, of)| *sum += of);
        }
        Ok(Folds { of_sample: (0..samples).map(|sample| of_unit[unit(sample)]).collect(), count })
    }

    /// The number of folds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The fold of each sample, from 0.
    pub fn of_sample(&self) -> &[usize] {
        &self.of_sample
    }

    /// The samples of a fold, ascending.
    pub fn samples(&self, fold: usize) -> Vec<usize> {
        (0..self.of_sample.len()).filter(|&sample| self.of_sample[sample] == fold).collect()
    }

    /// The classes, or the tasks' positives, all of whose samples are in one fold, with their
    /// numbers. While that fold is left out, nothing is known of them.
    pub fn in_one_fold(&self, targets: &Targets, outputs: usize) -> Vec<(usize, u64)> {
        let mut counts = vec![vec![0u64; self.count]; outputs];
        for (sample, &fold) in self.of_sample.iter().enumerate() {
            classes(targets, outputs, sample).for_each(|output| counts[output][fold] += 1);
        }
        let all = counts.into_iter().enumerate().map(|(output, of)| {
            let folds = of.iter().filter(|&&count| count > 0).count();
            (output, of.iter().sum::<u64>(), folds)
        });
        all.filter(|(.., folds)| *folds == 1).map(|(output, samples, _)| (output, samples)).collect()
    }
}

/// The class of a sample, or the tasks whose label is yes.
fn classes(targets: &Targets, outputs: usize, sample: usize) -> Box<dyn Iterator<Item = usize> + '_> {
    match targets {
        Targets::Classes(classes) => Box::new(std::iter::once(classes[sample])),
        Targets::Labels(labels) => {
            let row = labels[sample * outputs..][..outputs].iter().enumerate();
            Box::new(row.filter(|(_, label)| **label == 1.0).map(|(output, _)| output))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(classes: &[usize], groups: Option<Vec<u32>>) -> Predictions {
        let outputs = 4;
        let predictions =
            Predictions::new(vec![0.0; classes.len() * outputs], outputs, Targets::Classes(classes.to_vec()));
        match groups {
            Some(groups) => predictions.unwrap().with_groups(groups).unwrap(),
            None => predictions.unwrap(),
        }
    }

    proptest! {
        #[test]
        fn classes_and_sizes_are_even(
            classes in prop::collection::vec(0usize..4, 10..200), wanted in 2usize..12,
        ) {
            let folds = Folds::new(&of(&classes, None), wanted).unwrap();
            prop_assert_eq!(folds.count(), wanted.min(classes.len()));
            let size = |fold: usize, class: Option<usize>| {
                let of = folds.samples(fold).into_iter();
                of.filter(|&sample| class.is_none_or(|class| classes[sample] == class)).count()
            };
            for class in [Some(0), Some(1), Some(2), Some(3), None] {
                let sizes: Vec<usize> = (0..folds.count()).map(|fold| size(fold, class)).collect();
                let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
                prop_assert!(spread <= if class.is_some() { 1 } else { 4 }, "{class:?}: {sizes:?}");
            }
        }

        #[test]
        fn groups_are_whole_and_every_fold_has_some(
            samples in prop::collection::vec((0usize..4, 0u32..30), 10..200), wanted in 2usize..8,
        ) {
            let (classes, groups): (Vec<usize>, Vec<u32>) = samples.iter().copied().unzip();
            let predictions = of(&classes, Some(groups.clone()));
            let Ok(folds) = Folds::new(&predictions, wanted) else {
                prop_assert!(groups.iter().all(|group| *group == groups[0]));
                return Ok(());
            };
            for (sample, group) in groups.iter().enumerate() {
                let first = groups.iter().position(|other| other == group).unwrap();
                prop_assert_eq!(folds.of_sample()[sample], folds.of_sample()[first]);
            }
            prop_assert_eq!(folds.count(), wanted.min(predictions.group_count().unwrap()));
            prop_assert!((0..folds.count()).all(|fold| !folds.samples(fold).is_empty()));
        }
    }

    #[test]
    fn tasks_are_even_too() {
        // Task 0 has 10 positives, task 1 has 5, of 50 samples.
        let labels = (0..50).flat_map(|at| [f32::from(u8::from(at < 10)), f32::from(u8::from(at % 10 == 3))]);
        let targets = Targets::Labels(labels.collect());
        let predictions = Predictions::new(vec![0.0; 100], 2, targets.clone()).unwrap();
        let folds = Folds::new(&predictions, 5).unwrap();
        let Targets::Labels(labels) = &targets else { unreachable!() };
        for fold in 0..5 {
            let samples = folds.samples(fold);
            let positives = |task: usize| samples.iter().filter(|at| labels[2 * **at + task] == 1.0).count();
            assert_eq!((positives(0), positives(1)), (2, 1));
            assert!(samples.len().abs_diff(10) <= 1, "{}", samples.len());
        }
        assert_eq!(folds.in_one_fold(&targets, 2), []);
    }

    #[test]
    fn classes_in_one_fold_are_named() {
        let mut classes = vec![0; 20];
        (classes[3], classes[4], classes[9]) = (2, 1, 1);
        let predictions = of(&classes, None);
        let folds = Folds::new(&predictions, 5).unwrap();
        assert_eq!(folds.in_one_fold(predictions.targets(), 4), [(2, 1)]);
        let groups = (0..20).map(|at| if [4, 9].contains(&at) { 99 } else { at }).collect();
        let predictions = of(&classes, Some(groups));
        let folds = Folds::new(&predictions, 5).unwrap();
        assert_eq!(folds.in_one_fold(predictions.targets(), 4), [(1, 2), (2, 1)]);
    }

    #[test]
    fn what_cannot_be_divided_is_named() {
        let error = |classes: usize, groups, wanted| {
            Folds::new(&of(&vec![0; classes], groups), wanted).unwrap_err().to_string()
        };
        assert_eq!(error(9, None, 5), "expected at least 10 samples to divide, found 9");
        assert_eq!(error(20, None, 1), "expected at least 2 folds, found 1");
        assert_eq!(
            error(20, Some(vec![7; 20]), 5),
            "expected samples of at least 2 groups to divide, found 1"
        );
    }
}
