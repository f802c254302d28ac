//! The chance level of a metric, and models that tell no samples apart.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::confusion::Confusion;
use crate::metric::Metric;
use crate::predictions::{Predictions, Targets};

/// The range of an output's logits, at or below which they count as equal: batches of other sizes
/// move logits by rounding.
const EQUAL: f32 = 1e-3;

/// What a value of a metric is above, or not: the chance level, and whether the model is collapsed.
///
/// Its text is what follows the value in a line, such as " (chance 0.1315, predicts one class)"; it
/// is empty if nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// The chance level: see [`Metric::chance_level`]. `None` where it is undefined, and in records of
    /// older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// True if the model tells no samples apart: see [`Metric::collapsed`]. False in records of older
    /// versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collapsed: bool,
}

impl Chance {
    /// Compares predictions with chance by a metric.
    pub fn of(metric: Metric, predictions: &Predictions) -> Chance {
        Chance { level: metric.chance_level(predictions), collapsed: metric.collapsed(predictions) }
    }

    /// Returns true if nothing is known, as in records of older versions.
    pub fn is_unknown(&self) -> bool {
        *self == Chance::default()
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.collapsed) {
            (None, false) => Ok(()),
            (Some(level), false) => write!(f, " (chance {level:.4})"),
            (None, true) => f.write_str(" (predicts one class)"),
            (Some(level), true) => write!(f, " (chance {level:.4}, predicts one class)"),
        }
    }
}

impl Metric {
    /// The chance level: the best value of a model that gives all samples the same logits.
    ///
    /// Such a model predicts the most frequent class of the targets. Accuracy is then the share of
    /// that class; macro recall is 1/k and macro F1 is F1/k, with k classes in the targets;
    /// quadratic kappa is 0. AUROC is 0.5. Log loss is that of the shares of the classes, or of the
    /// positives among a task's known labels. `None` where the metric is undefined for such a
    /// model.
    ///
    /// ```
    /// use ff_eval::{Metric, Predictions, Targets};
    ///
    /// let predictions = Predictions::new(vec![0.0; 8], 2, Targets::Classes(vec![0, 0, 0, 1]))?;
    /// assert_eq!(Metric::Accuracy.chance_level(&predictions), Some(0.75));
    /// assert_eq!(Metric::MacroRecall.chance_level(&predictions), Some(0.5));
    /// # Ok::<(), ff_eval::Error>(())
    /// ```
    pub fn chance_level(self, predictions: &Predictions) -> Option<f64> {
        let (targets, outputs) = (predictions.targets(), predictions.outputs());
        match (self, self.of_matrix(), targets) {
            (_, Some(of_matrix), Targets::Classes(_)) => {
                let support = targets.counts(outputs);
                let most = (0..outputs).max_by_key(|&class| support[class])?;
                let mut constant = Confusion::empty(outputs);
                (0..outputs).for_each(|class| constant.add(class, most, support[class]));
                of_matrix(&constant).value()
            }
            (_, Some(_), Targets::Labels(_)) => None,
            (Metric::LogLoss, ..) => log_loss(targets, outputs),
            _ => {
                let equal = vec![0.0; predictions.logits().len()];
                predictions.with_logits(equal).ok().and_then(|equal| self.evaluate(&equal).value())
            }
        }
    }

    /// Returns true if a model gives all of several samples the same of what the metric depends on.
    ///
    /// For AUROC and log loss these are the logits: those of each output are within 0.001 of one
    /// another. For other metrics it is the class with the highest logit, while the targets have
    /// several classes: the model predicts one class. The value of a collapsed model is at most at
    /// the [chance level](Metric::chance_level).
    pub fn collapsed(self, predictions: &Predictions) -> bool {
        let (targets, outputs) = (predictions.targets(), predictions.outputs());
        match (self.of_matrix(), targets) {
            (Some(_), Targets::Classes(classes)) => {
                let mut taken = predictions.argmax();
                let first = taken.next();
                classes.iter().any(|class| *class != classes[0]) && taken.all(|class| Some(class) == first)
            }
            (Some(_), Targets::Labels(_)) => false,
            (None, _) => {
                let is_constant = |output: usize| {
                    let of_output = || predictions.logits().iter().skip(output).step_by(outputs).copied();
                    let (low, high) = (of_output().reduce(f32::min), of_output().reduce(f32::max));
                    low.zip(high).is_some_and(|(low, high)| high - low <= EQUAL)
                };
                predictions.len() > 1 && (0..outputs).all(is_constant)
            }
        }
    }
}

/// Minus the log loss of the shares of classes, or of positives among the known labels of each task.
fn log_loss(targets: &Targets, outputs: usize) -> Option<f64> {
    let support = targets.counts(outputs);
    let groups: Vec<Vec<u64>> = match targets {
        Targets::Classes(_) => vec![support],
        Targets::Labels(labels) => {
            let known = |task| labels.iter().skip(task).step_by(outputs).filter(|label| !label.is_nan());
            let of_task = |task: usize| vec![support[task], known(task).count() as u64 - support[task]];
            (0..outputs).map(of_task).collect()
        }
    };
    let of_group = |counts: &Vec<u64>| -> f64 {
        let all: u64 = counts.iter().sum();
        let present = counts.iter().filter(|count| **count > 0);
        present.map(|&count| count as f64 * (count as f64 / all as f64).ln()).sum()
    };
    let known: u64 = groups.iter().flatten().sum();
    // Not the sum alone, which is −0 without terms.
    (known > 0).then(|| 0.0 + groups.iter().map(of_group).sum::<f64>() / known as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_classes(classes: &[usize], logits: Vec<f32>, outputs: usize) -> Predictions {
        Predictions::new(logits, outputs, Targets::Classes(classes.to_vec())).unwrap()
    }

    proptest! {
        /// No model that gives all samples the same logits scores higher, and one scores as high.
        #[test]
        fn chance_is_the_best_of_equal_logits(
            classes in prop::collection::vec(0..4usize, 1..30), other in prop::array::uniform4(-3f32..3.0),
        ) {
            let of = |row: [f32; 4]| of_classes(&classes, row.repeat(classes.len()), 4);
            let share = |class| classes.iter().filter(|of| **of == class).count() as f64 / classes.len() as f64;
            let rows = (0..4).map(|taken| std::array::from_fn(|class| if class == taken { 1.0 } else { 0.0 }));
            // The logarithm of 1e-30 is taken for that of 0.
            let shares: [f32; 4] = std::array::from_fn(|class| share(class).max(1e-30).ln() as f32);
            let models: Vec<Predictions> = rows.chain([shares, other]).map(of).collect();
            for metric in Metric::ALL {
                let found = models.iter().filter_map(|model| metric.evaluate(model).value());
                let (best, chance) = (found.reduce(f64::max), metric.chance_level(&models[0]));
                match (best, chance) {
                    (Some(best), Some(chance)) => prop_assert!((best - chance).abs() < 1e-6, "{metric}: {best} {chance}"),
                    // Kappa of other classes than the only one is 0, and that of the only one undefined.
                    _ => prop_assert!(chance.is_none(), "{metric}: {chance:?}"),
                }
            }
        }
    }

    #[test]
    fn what_follows_a_value_is_short() {
        let said = |level, collapsed| Chance { level, collapsed }.to_string();
        assert_eq!([said(None, false), said(Some(0.5), false)], ["", " (chance 0.5000)"]);
        assert_eq!(said(Some(0.13149), true), " (chance 0.1315, predicts one class)");
        assert_eq!(serde_json::from_str::<Chance>("{}").unwrap(), Chance::default());
    }

    #[test]
    fn tasks_have_the_loss_of_their_shares() {
        // One of two labels of task 0 is positive, and all of task 1.
        let labels = Targets::Labels(vec![1.0, 1.0, 0.0, f32::NAN]);
        let predictions = Predictions::new(vec![0.0; 4], 2, labels).unwrap();
        let chance = Metric::LogLoss.chance_level(&predictions).unwrap();
        assert!((chance + 2.0 * 2f64.ln() / 3.0).abs() < 1e-12, "{chance}");
        assert_eq!(Metric::Auroc.chance_level(&predictions), Some(0.5));
        assert_eq!(Metric::Accuracy.chance_level(&predictions), None);
        let unknown = Predictions::new(vec![0.0; 2], 1, Targets::Labels(vec![f32::NAN; 2])).unwrap();
        assert_eq!([Metric::LogLoss, Metric::Auroc].map(|of| of.chance_level(&unknown)), [None, None]);
    }

    #[test]
    fn models_that_tell_nothing_apart_are_collapsed() {
        let of = |metric: Metric, classes: &[usize], logits: &[f32]| {
            metric.collapsed(&of_classes(classes, logits.to_vec(), 2))
        };
        // Class 0 is taken for both samples, by different logits.
        let one_class = [2.0, 0.0, 1.0, 0.0];
        assert!(of(Metric::Accuracy, &[0, 1], &one_class) && of(Metric::MacroF1, &[1, 0], &one_class));
        assert!(!of(Metric::Auroc, &[0, 1], &one_class), "its order may be right");
        assert!(!of(Metric::Accuracy, &[0, 0], &one_class), "one class is right");
        assert!(!of(Metric::Accuracy, &[0, 1], &[2.0, 0.0, 0.0, 1.0]));
        assert!(of(Metric::Auroc, &[0, 1], &[2.0, 0.5, 2.0005, 0.5]));
        assert!(!of(Metric::LogLoss, &[0], &[2.0, 0.5]) && !of(Metric::Accuracy, &[], &[]));
        let tasks = |logits| Predictions::new(logits, 2, Targets::Labels(vec![1.0, 0.0, 0.0, 1.0])).unwrap();
        assert!(Metric::Auroc.collapsed(&tasks(vec![0.3, -1.0, 0.3, -1.0])));
        assert!(!Metric::Auroc.collapsed(&tasks(vec![0.3, -1.0, 0.3, -1.1])));
        assert!(!Metric::Accuracy.collapsed(&tasks(vec![0.0; 4])));
    }
}
