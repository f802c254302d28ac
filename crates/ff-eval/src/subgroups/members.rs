//! The samples of one subgroup, and all others.

use crate::auroc::auroc_per_output;
use crate::metric::{Metric, Prepared};
use crate::note::{FEW_SAMPLES, Note};
use crate::predictions::Predictions;
use crate::score::Score;
use crate::value::Value;

/// The samples of a subgroup, with the metrics prepared on them alone.
pub(super) struct Members {
    samples: Vec<usize>,
    /// The independent units in the subgroup and outside: groups, or samples where there are none.
    units: [usize; 2],
    prepared: Vec<Prepared>,
}

impl Members {
    pub(super) fn new(metrics: &[Metric], predictions: &Predictions, samples: Vec<usize>) -> Members {
        let subset = predictions.subset(&samples);
        let prepared = metrics.iter().map(|&metric| Prepared::new(metric, &subset)).collect();
        let mut members = Members { samples, units: [0; 2], prepared };
        let (ours, theirs) = members.sides(predictions);
        members.units = [units(&ours), units(&theirs)];
        members
    }

    /// Returns true if the subgroup and its complement have enough samples, or groups, to be compared.
    pub(super) fn are_enough(&self) -> bool {
        self.units.iter().all(|&units| units as u64 >= FEW_SAMPLES)
    }

    /// Computes the value of each metric less that on all other samples, when sample `i` occurs
    /// `times[i]` times; `None` where either is undefined.
    ///
    /// `whole` has the metrics prepared on all samples.
    pub(super) fn differences(&self, whole: &[Prepared], times: &[u32]) -> Vec<Option<f64>> {
        let ours: Vec<u32> = self.samples.iter().map(|&sample| times[sample]).collect();
        let mut theirs = times.to_vec();
        self.samples.iter().for_each(|&sample| theirs[sample] = 0);
        let difference = |(members, whole): (&Prepared, &Prepared)| {
            Some(members.value(&ours).value()? - whole.value(&theirs).value()?)
        };
        self.prepared.iter().zip(whole).map(difference).collect()
    }

    /// The predictions of the members, and those of all other samples.
    pub(super) fn sides(&self, predictions: &Predictions) -> (Predictions, Predictions) {
        let mut other = vec![true; predictions.len()];
        self.samples.iter().for_each(|&sample| other[sample] = false);
        let others: Vec<usize> = (0..predictions.len()).filter(|&sample| other[sample]).collect();
        (predictions.subset(&self.samples), predictions.subset(&others))
    }
}

/// The number of independent units: groups, or samples where there are none.
fn units(predictions: &Predictions) -> usize {
    predictions.group_count().unwrap_or(predictions.len())
}

/// The reason not to compare a score with the other samples. An undefined score has its own.
pub(super) fn obstacle(score: &Score, ours: &Predictions, theirs: &Predictions) -> Option<Note> {
    let metric = score.metric;
    let (few, others) = (units(ours), units(theirs));
    if few.min(others) < FEW_SAMPLES as usize {
        let what = if ours.groups().is_some() { "groups" } else { "samples" };
        let why = format!("expected at least {FEW_SAMPLES} {what} on both sides, found {few} and {others}");
        return Some(Note::NotCompared { why });
    }
    score.value.value()?;
    if let Value::Undefined(why) = metric.evaluate(theirs) {
        return Some(Note::NotCompared { why: format!("undefined on them: {why}") });
    }
    let [ours, theirs] = [ours, theirs].map(|side| (missing(metric, side), side.kind()));
    let only_one = |output: &usize| ours.0.contains(output) != theirs.0.contains(output);
    let mut outputs: Vec<usize> = ours.0.iter().chain(&theirs.0).copied().filter(only_one).collect();
    outputs.sort_unstable();
    (!outputs.is_empty()).then_some(Note::OtherOutputs { kind: ours.1, outputs })
}

/// The classes or tasks without which a mean over them is another quantity.
fn missing(metric: Metric, predictions: &Predictions) -> Vec<usize> {
    match metric {
        Metric::MacroF1 | Metric::MacroRecall => {
            let counts = predictions.targets().counts(predictions.outputs());
            counts.iter().enumerate().filter(|of| *of.1 == 0).map(|of| of.0).collect()
        }
        Metric::Auroc => {
            let outputs = auroc_per_output(predictions).into_iter();
            outputs.filter(|of| of.value.value().is_none()).map(|of| of.output).collect()
        }
        Metric::Accuracy | Metric::QuadraticKappa | Metric::LogLoss => Vec::new(),
    }
}
