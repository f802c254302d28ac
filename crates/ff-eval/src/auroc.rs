//! Area under the ROC curve: the probability that a positive sample scores higher than a negative
//! one, where a tie counts as half.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, Targets};
use crate::probability::softmax;
use crate::value::Value;

/// The AUROC of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputAuroc {
    /// The index of the output: a task; a class, which is compared with all others; or, of two
    /// classes, class 1.
    pub output: usize,
    /// The area, or why it is undefined.
    pub value: Value,
    /// The number of samples known to be positive.
    pub positives: u64,
    /// The number of samples known to be negative.
    pub negatives: u64,
}

impl OutputAuroc {
    /// The missing samples that make the value undefined.
    pub(crate) fn gap(&self) -> &'static str {
        gap(self.positives, self.negatives)
    }
}

/// Computes the AUROC of each output.
///
/// A task is evaluated on the samples whose label is known. A class is compared with all others by
/// its softmax probability; of two classes, only class 1, by the difference of the logits.
pub fn auroc_per_output(predictions: &Predictions) -> Vec<OutputAuroc> {
    let once = vec![1; predictions.len()];
    curves(predictions).iter().map(|curve| curve.area(&once).describe(curve.output)).collect()
}

/// Computes one curve for each output that [`crate::Metric::Auroc`] averages over.
pub(crate) fn curves(predictions: &Predictions) -> Vec<Curve> {
    let (targets, outputs) = (predictions.targets(), predictions.outputs());
    let mut known = vec![Vec::new(); curve_outputs(targets, outputs).len()];
    for sample in 0..predictions.len() {
        let truths = truths(targets, outputs, sample);
        for (curve, (score, truth)) in
            scores(targets, predictions.row(sample)).into_iter().zip(truths).enumerate()
        {
            known[curve].extend(truth.map(|positive| (sample, score, positive)));
        }
    }
    let of = curve_outputs(targets, outputs).zip(known);
    of.map(|(output, known)| Curve::new(output, known.into_iter())).collect()
}

/// The outputs that have a curve.
pub(crate) fn curve_outputs(targets: &Targets, outputs: usize) -> Range<usize> {
    match targets {
        Targets::Classes(_) if outputs == 2 => 1..2,
        _ => 0..outputs,
    }
}

/// The score of a sample with these logits on each curve.
pub(crate) fn scores(targets: &Targets, row: &[f32]) -> Vec<f64> {
    match targets {
        Targets::Labels(_) => row.iter().copied().map(f64::from).collect(),
        Targets::Classes(_) if row.len() == 2 => vec![f64::from(row[1]) - f64::from(row[0])],
        Targets::Classes(_) => softmax(row),
    }
}

/// The truth about a sample on each curve: positive or negative; `None` where it is unknown.
pub(crate) fn truths(targets: &Targets, outputs: usize, sample: usize) -> Vec<Option<bool>> {
    let truth = |output: usize| match targets {
        Targets::Classes(classes) => Some(classes[sample] == output),
        Targets::Labels(labels) => {
            let label = labels[sample * outputs + output];
            (!label.is_nan()).then_some(label == 1.0)
        }
    };
    curve_outputs(targets, outputs).map(truth).collect()
}

/// The samples whose truth about one output is known.
///
/// They are sorted by score once, so each resample needs a single pass.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) output: usize,
    ascending: Vec<Scored>,
}

#[derive(Debug)]
struct Scored {
    sample: usize,
    score: f64,
    positive: bool,
    /// True if the next sample scores higher.
    ends_tie: bool,
}

/// The exact area under a curve, in half pairs, with the numbers of samples.
#[derive(Debug)]
pub(crate) struct Area {
    half_pairs: u128,
    positives: u64,
    negatives: u64,
}

impl Curve {
    pub(crate) fn new(output: usize, scored: impl Iterator<Item = (usize, f64, bool)>) -> Curve {
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by(|a, b| a.1.total_cmp(&b.1));
        // `!=` instead of `total_cmp`, since −0 and 0 are a tie.
        let ends_tie = |at: usize| scored.get(at + 1).is_none_or(|next| next.1 != scored[at].1);
        let ascending = scored
            .iter()
            .enumerate()
            .map(|(at, &(sample, score, positive))| Scored {
                sample,
                score,
                positive,
                ends_tie: ends_tie(at),
            })
            .collect();
        Curve { output, ascending }
    }

    /// Computes the area when sample `i` occurs `times[i]` times.
    pub(crate) fn area(&self, times: &[u32]) -> Area {
        let mut area = Area { half_pairs: 0, positives: 0, negatives: 0 };
        let mut tied = [0u64; 2];
        for scored in &self.ascending {
            tied[usize::from(scored.positive)] += u64::from(times[scored.sample]);
            if scored.ends_tie {
                let [negatives, positives] = tied;
                area.half_pairs += u128::from(positives) * u128::from(2 * area.negatives + negatives);
                area.positives += positives;
                area.negatives += negatives;
                tied = [0; 2];
            }
        }
        area
    }

    /// The distinct scores, in descending order, each with the numbers of positives and negatives
    /// of at least that score.
    pub(crate) fn descending(&self) -> Vec<(f64, u64, u64)> {
        let (mut steps, mut above) = (Vec::new(), [0, 0]);
        for tied in self.ascending.chunk_by(|scored, _| !scored.ends_tie).rev() {
            let positives = tied.iter().filter(|scored| scored.positive).count() as u64;
            above = [above[0] + positives, above[1] + tied.len() as u64 - positives];
            steps.push((tied[0].score, above[0], above[1]));
        }
        steps
    }

    /// Computes the loss of each sample on the curve: the area that its pairs lack.
    ///
    /// Returns sample, truth and loss. The area is 1 less the sum of the losses of the positives,
    /// and also 1 less that of the negatives. Empty if the area is undefined.
    pub(crate) fn losses(&self) -> Vec<(usize, bool, f64)> {
        let positives = self.ascending.iter().filter(|scored| scored.positive).count();
        let negatives = self.ascending.len() - positives;
        let pairs = positives as f64 * negatives as f64;
        if pairs == 0.0 {
            return Vec::new();
        }
        let mut below = [0; 2]; // negatives and positives
        let mut losses = Vec::new();
        for tied in self.ascending.chunk_by(|scored, _| !scored.ends_tie) {
            let of_tie = tied.iter().filter(|scored| scored.positive).count();
            let (negatives_tied, half) = (tied.len() - of_tie, |count: usize| count as f64 / 2.0);
            let of_positive = (negatives - below[0] - negatives_tied) as f64 + half(negatives_tied);
            let of_negative = below[1] as f64 + half(of_tie);
            let loss = |scored: &Scored| if scored.positive { of_positive } else { of_negative };
            losses.extend(tied.iter().map(|scored| (scored.sample, scored.positive, loss(scored) / pairs)));
            below = [below[0] + negatives_tied, below[1] + of_tie];
        }
        losses
    }
}

impl Area {
    /// The highest area that is possible once all samples are known.
    ///
    /// This area is that of some of the samples; in all there are `positives` and `negatives`.
    /// Every pair with another sample counts as in order.
    pub(crate) fn at_best(self, positives: u64, negatives: u64) -> Area {
        let pairs = |positives: u64, negatives: u64| u128::from(positives) * u128::from(negatives);
        let others = pairs(positives, negatives) - pairs(self.positives, self.negatives);
        Area { half_pairs: self.half_pairs + 2 * others, positives, negatives }
    }

    /// The area from 0 to 1; `None` without positives or without negatives.
    pub(crate) fn value(&self) -> Option<f64> {
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        (pairs > 0).then(|| self.half_pairs as f64 / (2 * pairs) as f64)
    }

    /// The missing samples that make the value undefined.
    pub(crate) fn gap(&self) -> &'static str {
        gap(self.positives, self.negatives)
    }

    fn describe(&self, output: usize) -> OutputAuroc {
        let why = || Value::Undefined(format!("output {output}: {}", self.gap()));
        OutputAuroc {
            output,
            value: self.value().map_or_else(why, Value::Defined),
            positives: self.positives,
            negatives: self.negatives,
        }
    }
}

/// Names the samples that a curve without an area lacks.
pub(crate) fn gap(positives: u64, negatives: u64) -> &'static str {
    match (positives, negatives) {
        (0, 0) => "no known sample",
        (0, _) => "no positive sample",
        _ => "no negative sample",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_counts_half() {
        let labels = Targets::Labels(vec![1.0, 0.0, 1.0, 0.0]);
        let predictions = Predictions::new(vec![0.0, -0.0, 3.0, -1.0], 1, labels).unwrap();
        // Three of four pairs are in order, one is a tie.
        assert_eq!(auroc_per_output(&predictions)[0].value, Value::Defined(3.5 / 4.0));
    }

    #[test]
    fn undefined_areas_name_what_is_missing() {
        let labels = vec![1.0, 0.0, f32::NAN, 1.0, 0.0, f32::NAN];
        let predictions = Predictions::new(vec![0.0; 6], 3, Targets::Labels(labels)).unwrap();
        let reasons: Vec<_> = auroc_per_output(&predictions).into_iter().map(|of| of.value).collect();
        let why = |text: &str| Value::Undefined(text.into());
        assert_eq!(
            reasons,
            [
                why("output 0: no negative sample"),
                why("output 1: no positive sample"),
                why("output 2: no known sample")
            ]
        );
    }
}
