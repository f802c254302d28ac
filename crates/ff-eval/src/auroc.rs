//! Area under the ROC curve: the chance that a positive sample scores above a negative one, ties counting half.

use serde::{Deserialize, Serialize};

use crate::{Predictions, Targets, Value};

/// The AUROC of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputAuroc {
    /// Which output: the task of a multilabel problem, the class against the rest of a multiclass one, class 1 of two.
    pub output: usize,
    /// The area, or why there is none.
    pub value: Value,
    /// Samples known to be positive.
    pub positives: u64,
    /// Samples known to be negative.
    pub negatives: u64,
}

/// AUROC of every output: each task over the samples where it is known; each class against the rest by its softmax
/// probability; of two classes, only class 1, by the difference of the logits.
pub fn auroc_per_output(predictions: &Predictions) -> Vec<OutputAuroc> {
    let once = vec![1; predictions.len()];
    curves(predictions).iter().map(|curve| curve.area(&once).describe(curve.output)).collect()
}

/// One curve per output that [`crate::Metric::Auroc`] averages over.
pub(crate) fn curves(predictions: &Predictions) -> Vec<Curve> {
    match predictions.targets() {
        Targets::Labels(labels) => (0..predictions.outputs())
            .map(|task| {
                let known = (0..predictions.len()).filter_map(|sample| {
                    let label = labels[sample * predictions.outputs() + task];
                    (!label.is_nan())
                        .then(|| (sample, f64::from(predictions.row(sample)[task]), label == 1.0))
                });
                Curve::new(task, known)
            })
            .collect(),
        Targets::Classes(classes) if predictions.outputs() == 2 => {
            let scored = classes.iter().enumerate().map(|(sample, &class)| {
                let row = predictions.row(sample);
                (sample, f64::from(row[1]) - f64::from(row[0]), class == 1)
            });
            vec![Curve::new(1, scored)]
        }
        Targets::Classes(classes) => {
            let rows: Vec<Vec<f64>> =
                (0..predictions.len()).map(|sample| softmax(predictions.row(sample))).collect();
            let one = |class| {
                let scored = rows.iter().zip(classes).enumerate();
                Curve::new(
                    class,
                    scored.map(|(sample, (row, &target))| (sample, row[class], target == class)),
                )
            };
            (0..predictions.outputs()).map(one).collect()
        }
    }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// The samples where one output is known, sorted by score once, so that any resample is a single pass.
#[derive(Debug)]
pub(crate) struct Curve {
    output: usize,
    ascending: Vec<Scored>,
}

#[derive(Debug)]
struct Scored {
    sample: usize,
    positive: bool,
    /// The next sample scores higher.
    ends_tie: bool,
}

/// A curve's area in halves of a pair, exact, with the numbers of samples it is over.
#[derive(Debug)]
pub(crate) struct Area {
    half_pairs: u128,
    positives: u64,
    negatives: u64,
}

impl Curve {
    fn new(output: usize, scored: impl Iterator<Item = (usize, f64, bool)>) -> Curve {
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by(|a, b| a.1.total_cmp(&b.1));
        // `!=` and not the order of `total_cmp`: −0 and 0 are a tie.
        let ends_tie = |at: usize| scored.get(at + 1).is_none_or(|next| next.1 != scored[at].1);
        let ascending = scored
            .iter()
            .enumerate()
            .map(|(at, &(sample, _, positive))| Scored { sample, positive, ends_tie: ends_tie(at) })
            .collect();
        Curve { output, ascending }
    }

    /// The area when sample `i` stands `times[i]` times.
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

    pub(crate) fn output(&self) -> usize {
        self.output
    }
}

impl Area {
    /// `None` if a class is missing.
    pub(crate) fn value(&self) -> Option<f64> {
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        (pairs > 0).then(|| self.half_pairs as f64 / (2 * pairs) as f64)
    }

    /// Why there is no value.
    pub(crate) fn gap(&self) -> &'static str {
        match (self.positives, self.negatives) {
            (0, 0) => "no known sample",
            (0, _) => "no positive sample",
            _ => "no negative sample",
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_counts_half() {
        let labels = Targets::Labels(vec![1.0, 0.0, 1.0, 0.0]);
        let predictions = Predictions::new(vec![0.0, -0.0, 3.0, -1.0], 1, labels).unwrap();
        // Of the four pairs three are in order and one is a tie.
        assert_eq!(auroc_per_output(&predictions)[0].value, Value::Defined(3.5 / 4.0));
    }

    #[test]
    fn says_which_class_is_missing() {
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
