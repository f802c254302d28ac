//! Confusion matrices, from which accuracy, F1, recall and kappa are computed.

use crate::predictions::{Predictions, Targets};

/// A confusion matrix of `classes × classes` counts: rows are targets, columns predictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts the arg-max predictions (ties: lowest index); `None` for multilabel predictions.
    pub fn of(predictions: &Predictions) -> Option<Confusion> {
        let cells = Cells::of(predictions)?;
        Some(cells.count(&vec![1; predictions.len()]))
    }

    pub(crate) fn empty(classes: usize) -> Confusion {
        Confusion { classes, counts: vec![0; classes * classes] }
    }

    /// Adds `times` samples of class `target` that are predicted as class `predicted`.
    pub(crate) fn add(&mut self, target: usize, predicted: usize, times: u64) {
        self.counts[target * self.classes + predicted] += times;
    }

    /// The number of classes, including those that do not occur.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of samples of class `target` that are predicted as class `predicted`.
    ///
    /// # Panics
    /// If either is not below [`Confusion::classes`].
    pub fn count(&self, target: usize, predicted: usize) -> u64 {
        self.row(target)[predicted]
    }

    /// The numbers of samples of class `target` predicted as each class.
    ///
    /// # Panics
    /// If `target` is not below [`Confusion::classes`].
    pub fn row(&self, target: usize) -> &[u64] {
        &self.counts[target * self.classes..(target + 1) * self.classes]
    }

    /// The number of samples.
    pub fn samples(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The number of samples of each class.
    pub fn support(&self) -> Vec<u64> {
        (0..self.classes).map(|target| self.row(target).iter().sum()).collect()
    }

    /// The number of samples predicted as each class.
    pub fn predicted(&self) -> Vec<u64> {
        (0..self.classes)
            .map(|class| (0..self.classes).map(|target| self.count(target, class)).sum())
            .collect()
    }
}

/// The cell of the matrix that each sample is in, so resamples need no further arg-max.
#[derive(Debug)]
pub(crate) struct Cells {
    classes: usize,
    cell: Vec<usize>,
}

impl Cells {
    pub(crate) fn of(predictions: &Predictions) -> Option<Cells> {
        let Targets::Classes(targets) = predictions.targets() else { return None };
        let classes = predictions.outputs();
        let cell = targets.iter().zip(predictions.argmax()).map(|(target, taken)| target * classes + taken);
        Some(Cells { classes, cell: cell.collect() })
    }

    /// Computes the matrix when sample `i` occurs `times[i]` times.
    pub(crate) fn count(&self, times: &[u32]) -> Confusion {
        let mut counts = vec![0; self.classes * self.classes];
        for (&cell, &times) in self.cell.iter().zip(times) {
            counts[cell] += u64::from(times);
        }
        Confusion { classes: self.classes, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_targets_and_columns_predictions() {
        let logits = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 0, 1])).unwrap();
        let confusion = Confusion::of(&predictions).unwrap();
        assert_eq!((confusion.count(0, 0), confusion.count(0, 1), confusion.count(1, 0)), (1, 1, 1));
        assert_eq!(confusion.support(), [2, 1, 0]);
        assert_eq!(confusion.predicted(), [2, 1, 0]);
        assert_eq!(confusion.samples(), 3);
    }
}
