//! Wrong predictions with the highest confidence.

use crate::predictions::{Predictions, Targets, argmax};
use crate::probability::{sigmoid, softmax};

/// A wrong prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mistake {
    /// The index of the sample.
    pub sample: usize,
    /// The prediction and the truth.
    pub answer: Answer,
    /// The predicted probability, 0 to 1.
    pub confidence: f64,
}

/// A wrong prediction with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Another class is predicted.
    Class {
        /// The true class.
        truth: usize,
        /// The predicted class.
        taken: usize,
    },
    /// The opposite label of a task is predicted.
    Task {
        /// The index of the task.
        task: usize,
        /// The true label.
        truth: bool,
    },
}

/// Finds the mistakes with the highest confidence: at most `count`, and one for each sample.
///
/// They are sorted by confidence, highest first, ties by sample. A task is predicted positive if
/// its logit is above 0; unknown labels are skipped.
pub fn surest_mistakes(predictions: &Predictions, count: usize) -> Vec<Mistake> {
    let of_sample = |sample: usize| {
        let row = predictions.row(sample);
        match predictions.targets() {
            Targets::Classes(classes) => {
                let (truth, taken) = (classes[sample], argmax(row));
                let confidence = softmax(row)[taken];
                (truth != taken).then_some(Mistake {
                    sample,
                    answer: Answer::Class { truth, taken },
                    confidence,
                })
            }
            Targets::Labels(labels) => {
                let known = &labels[sample * row.len()..(sample + 1) * row.len()];
                let wrong = row.iter().zip(known).enumerate().filter_map(|(task, (&logit, &label))| {
                    let truth = label == 1.0;
                    let confidence = if logit > 0.0 { sigmoid(logit) } else { sigmoid(-logit) };
                    let mistake = Mistake { sample, answer: Answer::Task { task, truth }, confidence };
                    (!label.is_nan() && truth != (logit > 0.0)).then_some(mistake)
                });
                wrong.reduce(|one, other| if other.confidence > one.confidence { other } else { one })
            }
        }
    };
    let mut mistakes: Vec<Mistake> = (0..predictions.len()).filter_map(of_sample).collect();
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence)); // stable
    mistakes.truncate(count);
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_confidence_comes_first() {
        let logits = vec![0.0, 1.0, 5.0, 0.0, 0.0, 3.0, 2.0, 0.0];
        let predictions = Predictions::new(logits, 2, Targets::Classes(vec![0, 0, 0, 1])).unwrap();
        let found = surest_mistakes(&predictions, 2);
        assert_eq!(found.iter().map(|of| of.sample).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(found[0].answer, Answer::Class { truth: 0, taken: 1 });
        assert!((found[0].confidence - 1.0 / (1.0 + (-3.0f64).exp())).abs() < 1e-12);
    }

    #[test]
    fn unknown_labels_are_skipped() {
        let labels = Targets::Labels(vec![f32::NAN, 1.0, 0.0, 0.0]);
        let predictions = Predictions::new(vec![9.0, -1.0, 2.0, 3.0], 2, labels).unwrap();
        let found: Vec<_> =
            surest_mistakes(&predictions, 9).iter().map(|of| (of.sample, of.answer)).collect();
        let (yes, no) = (Answer::Task { task: 1, truth: true }, Answer::Task { task: 1, truth: false });
        assert_eq!(found, [(1, no), (0, yes)]);
    }
}
