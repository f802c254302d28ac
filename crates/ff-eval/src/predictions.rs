//! Predictions: the logits of a model for each sample, with the targets.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::error::Error;

/// The kind of classification task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown)]
pub enum TaskKind {
    /// Each sample has one class; each output is a class.
    Multiclass,
    /// Each output is a yes-or-no task, whose labels may be unknown.
    Multilabel,
}

impl TaskKind {
    /// The name in configurations and command lines.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown(text: &str) -> String {
    format!("expected multiclass or multilabel, found {text:?}")
}

/// The true classes or labels of `N` samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// The class of each sample, from 0.
    Classes(Vec<usize>),
    /// Labels, row-major `N × C`: 1 yes, 0 no, NaN unknown. Metrics ignore unknown labels.
    Labels(Vec<f32>),
}

impl Targets {
    /// Counts the samples of each of `outputs` classes, or the known positives of each of `outputs`
    /// tasks.
    ///
    /// # Panics
    /// If a class is not below `outputs`, or with labels of no task.
    pub fn counts(&self, outputs: usize) -> Vec<u64> {
        let mut counts = vec![0; outputs];
        match self {
            Targets::Classes(classes) => classes.iter().for_each(|&class| counts[class] += 1),
            Targets::Labels(labels) => {
                let positive = labels.iter().enumerate().filter(|(_, label)| **label == 1.0);
                positive.for_each(|(at, _)| counts[at % outputs] += 1);
            }
        }
        counts
    }
}

/// Logits `[N, C]`, row-major, and targets of `N` samples.
///
/// All logits are finite and all targets in range. Samples that are not independent, such as the
/// images of one patient, share a group: intervals and tests then treat the groups as independent,
/// not the samples. Metrics do not depend on groups.
///
/// ```
/// use ff_eval::{Predictions, Targets};
///
/// // Two samples and three classes.
/// let logits = vec![2.0, 0.1, 0.3, 0.2, 0.4, 1.9];
/// let multiclass = Predictions::new(logits, 3, Targets::Classes(vec![0, 1]))?;
/// assert_eq!(multiclass.argmax().collect::<Vec<_>>(), [0, 2]);
///
/// // One sample and two tasks; the label of the second task is unknown.
/// let labels = Targets::Labels(vec![1.0, f32::NAN]);
/// let multilabel = Predictions::new(vec![0.7, -1.2], 2, labels)?;
/// assert_eq!((multilabel.len(), multilabel.outputs()), (1, 2));
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    logits: Vec<f32>,
    outputs: usize,
    targets: Targets,
    groups: Option<Vec<u32>>,
}

impl Predictions {
    /// Creates predictions from `logits`, row-major `N × outputs`, and targets.
    ///
    /// `N` may be 0; all metrics are then undefined.
    ///
    /// # Errors
    /// [`Error::Outputs`] for fewer than 2 outputs with classes, or none with labels;
    /// [`Error::Ragged`] and [`Error::Length`] for lengths that do not match; [`Error::Logit`] for
    /// NaN or an infinity; [`Error::Class`] for a class without an output; [`Error::Label`] for a
    /// label that is neither 0, 1 nor NaN.
    pub fn new(logits: Vec<f32>, outputs: usize, targets: Targets) -> Result<Predictions, Error> {
        let (needed, hint) = match targets {
            Targets::Classes(_) => {
                (2, "two classes need two logits; one yes-or-no logit is a multilabel task")
            }
            Targets::Labels(_) => (1, "the model has no output"),
        };
        if outputs < needed {
            return Err(Error::Outputs { expected: needed, found: outputs, hint });
        }
        if !logits.len().is_multiple_of(outputs) {
            return Err(Error::Ragged { outputs, found: logits.len() });
        }
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(Error::Logit { row: at / outputs, output: at % outputs, found: logits[at] });
        }
        let (expected, found) = match &targets {
            Targets::Classes(classes) => (logits.len() / outputs, classes.len()),
            Targets::Labels(labels) => (logits.len(), labels.len()),
        };
        if expected != found {
            return Err(Error::Length { expected, found });
        }
        match &targets {
            Targets::Classes(classes) => {
                if let Some(row) = classes.iter().position(|&class| class >= outputs) {
                    let found = i64::try_from(classes[row]).unwrap_or(i64::MAX);
                    return Err(Error::Class { row, last: outputs - 1, found });
                }
            }
            Targets::Labels(labels) => {
                let bad = |&label: &f32| !(label == 0.0 || label == 1.0 || label.is_nan());
                if let Some(at) = labels.iter().position(bad) {
                    return Err(Error::Label { row: at / outputs, task: at % outputs, found: labels[at] });
                }
            }
        }
        Ok(Predictions { logits, outputs, targets, groups: None })
    }

    /// Sets the group of each of the `N` samples. Samples with the same number share a group.
    ///
    /// # Errors
    /// [`Error::Groups`] if the number of groups is not `N`.
    pub fn with_groups(mut self, groups: Vec<u32>) -> Result<Predictions, Error> {
        let (expected, found) = (self.len(), groups.len());
        if expected != found {
            return Err(Error::Groups { expected, found });
        }
        self.groups = Some(groups);
        Ok(self)
    }

    /// Predictions of the same samples, with their groups, by other logits, row-major `N × C`.
    ///
    /// # Errors
    /// [`Error::Ragged`], [`Error::Length`] and [`Error::Logit`], as of [`Predictions::new`].
    pub fn with_logits(&self, logits: Vec<f32>) -> Result<Predictions, Error> {
        let found = Predictions::new(logits, self.outputs, self.targets.clone())?;
        Ok(Predictions { groups: self.groups.clone(), ..found })
    }

    /// The predictions of some samples, by index, in the order given, with their groups.
    ///
    /// # Panics
    /// If an index is not below [`Predictions::len`].
    pub fn subset(&self, samples: &[usize]) -> Predictions {
        let logits = samples.iter().flat_map(|&sample| self.row(sample)).copied().collect();
        let targets = match &self.targets {
            Targets::Classes(classes) => Targets::Classes(samples.iter().map(|&at| classes[at]).collect()),
            Targets::Labels(labels) => {
                let rows = samples.iter().flat_map(|&at| &labels[at * self.outputs..][..self.outputs]);
                Targets::Labels(rows.copied().collect())
            }
        };
        let groups = self.groups.as_ref().map(|groups| samples.iter().map(|&at| groups[at]).collect());
        Predictions { logits, outputs: self.outputs, targets, groups }
    }

    /// The number of samples, `N`.
    pub fn len(&self) -> usize {
        self.logits.len() / self.outputs
    }

    /// Returns true without samples.
    pub fn is_empty(&self) -> bool {
        self.logits.is_empty()
    }

    /// The number of logits per sample, `C`.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// All logits, row-major `N × C`.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The logits of one sample.
    ///
    /// # Panics
    /// If `index` is not below [`Predictions::len`].
    pub fn row(&self, index: usize) -> &[f32] {
        &self.logits[index * self.outputs..(index + 1) * self.outputs]
    }

    /// The true classes or labels.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The group of each sample, if there are groups.
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// The number of distinct groups, if there are groups.
    pub fn group_count(&self) -> Option<usize> {
        self.groups().map(|groups| groups.iter().collect::<HashSet<_>>().len())
    }

    /// The kind of task.
    pub fn kind(&self) -> TaskKind {
        match self.targets {
            Targets::Classes(_) => TaskKind::Multiclass,
            Targets::Labels(_) => TaskKind::Multilabel,
        }
    }

    /// The output with the highest logit for each sample; ties: the lowest index, as in NumPy.
    pub fn argmax(&self) -> impl Iterator<Item = usize> {
        self.logits.chunks_exact(self.outputs).map(argmax)
    }
}

/// The index of the highest logit of a row; ties: the lowest index.
pub(crate) fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, &logit) in row.iter().enumerate() {
        if logit > row[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_take_the_lowest_index() {
        let logits = vec![0.0, 1.0, 1.0, 2.0, 2.0, 2.0, -1.0, -3.0, -0.5];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 0, 0])).unwrap();
        assert_eq!(predictions.argmax().collect::<Vec<_>>(), [1, 0, 2]);
    }

    #[test]
    fn errors_name_the_row() {
        let message = |logits: &[f32], outputs, targets| {
            Predictions::new(logits.to_vec(), outputs, targets).unwrap_err().to_string()
        };
        assert_eq!(
            message(&[0.0, 1.0, 2.0, f32::NAN], 2, Targets::Classes(vec![0, 1])),
            "row 1, output 1: expected a finite logit, found NaN\nhint: the model has diverged; leave it out"
        );
        assert_eq!(
            message(&[0.0; 4], 2, Targets::Classes(vec![0, 2])),
            "row 1: expected a class from 0 to 1, found 2"
        );
        assert_eq!(
            message(&[0.0; 4], 2, Targets::Labels(vec![0.0, 1.0, f32::NAN, 0.5])),
            "row 1, task 1: expected 0, 1 or NaN (unknown), found 0.5"
        );
        assert_eq!(
            message(&[0.0; 3], 2, Targets::Classes(vec![0])),
            "expected a multiple of 2 logits (one per output), found 3"
        );
        assert_eq!(
            message(&[0.0; 4], 2, Targets::Classes(vec![0])),
            "expected 2 targets for these logits, found 1"
        );
        assert!(message(&[0.0], 1, Targets::Classes(vec![0])).contains("hint: two classes need two logits"));
    }

    #[test]
    fn samples_and_positives_are_counted() {
        assert_eq!(Targets::Classes(vec![2, 0, 2]).counts(4), [1, 0, 2, 0]);
        assert_eq!(Targets::Labels(vec![1.0, f32::NAN, 1.0, 0.0, 0.0, 1.0]).counts(2), [2, 1]);
        assert_eq!(Targets::Labels(vec![]).counts(2), [0, 0]);
    }

    #[test]
    fn each_sample_has_a_group() {
        let predictions = Predictions::new(vec![0.0; 6], 2, Targets::Classes(vec![0; 3])).unwrap();
        assert_eq!((predictions.groups(), predictions.group_count()), (None, None));
        let grouped = predictions.clone().with_groups(vec![9, 4, 9]).unwrap();
        assert_eq!((grouped.groups(), grouped.group_count()), (Some(&[9, 4, 9][..]), Some(2)));
        assert_eq!(
            predictions.with_groups(vec![1, 2]).unwrap_err().to_string(),
            "expected 3 groups, one for each sample, found 2"
        );
    }
}
