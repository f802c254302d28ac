//! Groups of samples that are not independent, such as the images of one patient.

use std::collections::HashMap;

use crate::predictions::Predictions;

/// The groups of `N` samples, numbered from 0 in the order of their first samples.
///
/// So the numbers that the caller gave do not matter, and where each sample is a group of its own,
/// its group is its index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    /// The group of each sample.
    pub(crate) of_sample: Vec<usize>,
    /// The number of groups.
    pub(crate) count: usize,
}

impl Groups {
    /// The groups of predictions; `None` if they have none.
    pub(crate) fn of(predictions: &Predictions) -> Option<Groups> {
        let mut known = HashMap::new();
        let numbers = predictions.groups()?.iter().map(|number| {
            let next = known.len();
            *known.entry(number).or_insert(next)
        });
        let of_sample = numbers.collect();
        Some(Groups { of_sample, count: known.len() })
    }

    /// Returns true if each sample is a group of its own.
    pub(crate) fn are_samples(&self) -> bool {
        self.count == self.of_sample.len()
    }

    /// Copies the count of each group to all of its samples.
    pub(crate) fn spread(&self, of_groups: &[u32], of_samples: &mut [u32]) {
        for (times, &group) in of_samples.iter_mut().zip(&self.of_sample) {
            *times = of_groups[group];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Targets;

    fn groups(numbers: &[u32]) -> Groups {
        let logits = vec![0.0; numbers.len()];
        let predictions = Predictions::new(logits.clone(), 1, Targets::Labels(logits)).unwrap();
        Groups::of(&predictions.with_groups(numbers.to_vec()).unwrap()).unwrap()
    }

    #[test]
    fn numbers_do_not_matter() {
        assert_eq!(groups(&[7, 3, 7, 9]), Groups { of_sample: vec![0, 1, 0, 2], count: 3 });
        assert_eq!(groups(&[7, 3, 7, 9]), groups(&[0, u32::MAX, 0, 5]));
        assert!(!groups(&[7, 3, 7]).are_samples() && groups(&[7, 3]).are_samples());
    }

    #[test]
    fn counts_of_groups_apply_to_all_samples() {
        let mut times = [9; 4];
        groups(&[7, 3, 7, 9]).spread(&[2, 0, 1], &mut times);
        assert_eq!(times, [2, 0, 2, 1]);
    }
}
