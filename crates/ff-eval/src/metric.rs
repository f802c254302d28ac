//! The metrics that a configuration can name.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::auroc::{Curve, curves};
use crate::classes::{accuracy, macro_f1, macro_recall};
use crate::confusion::{Cells, Confusion};
use crate::kappa::quadratic_kappa;
use crate::loss::Losses;
use crate::predictions::{Predictions, TaskKind};
use crate::spread::mean;
use crate::value::Value;

/// A measure of how well predictions agree with targets; higher is better.
///
/// AUROC and log loss use all logits, and apply to multilabel targets too. All others use only the
/// class with the highest logit (ties: the lowest index), and are undefined for multilabel targets.
/// All are undefined without samples.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Metric {
    /// The fraction of samples whose class has the highest logit; 0 to 1. It is computed over all
    /// samples at once. (FissionFusion's released code averages over batches, which is wrong if the
    /// last one is smaller.)
    Accuracy,
    /// The mean F1 over the classes in targets or predictions, as scikit-learn's default; 0 to 1. A
    /// class that is only in the targets or only predicted has an F1 of 0. A note of the score
    /// names the classes that are neither.
    MacroF1,
    /// The mean recall over the classes in targets or predictions, as scikit-learn's default; from 0
    /// to 1. The recall of a class that is only predicted counts as 0, as in scikit-learn. Notes of
    /// the score name such classes, and those that are neither in targets nor in predictions.
    MacroRecall,
    /// The area under the ROC curve; 0 to 1, 0.5 for chance. With two classes, that of class 1, by
    /// the difference of the logits. With more classes, the mean over classes, each compared with
    /// all others by its softmax probability. Multilabel: the mean over tasks, each on the samples
    /// whose label is known. The mean leaves out outputs without positives or negatives, which
    /// notes of the score name; it is undefined if none remains.
    Auroc,
    /// Cohen's kappa with quadratic weights, for ordinal classes; −1 to 1, 0 for chance. Distances
    /// count classes that do not occur (scikit-learn: `labels=range(C)`). Undefined if all targets
    /// and predictions are of one class.
    QuadraticKappa,
    /// Minus the mean log loss in nats (natural logarithm): at most 0, which only a model that is
    /// certain and always right has; −ln C for equal probabilities of C classes. Of classes it is
    /// the cross entropy of the softmax (scikit-learn: `neg_log_loss` with `labels=range(C)`, but
    /// without clipping), of multilabel targets the binary cross entropy of the sigmoid, with each
    /// known label counting once. Undefined if no label is known.
    LogLoss,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 6] = [
        Metric::Accuracy,
        Metric::MacroF1,
        Metric::MacroRecall,
        Metric::Auroc,
        Metric::QuadraticKappa,
        Metric::LogLoss,
    ];

    /// The name in configurations, records and command lines.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The title in tables and figures.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MacroF1 => "macro F1",
            Metric::MacroRecall => "macro recall",
            Metric::Auroc => "AUROC",
            Metric::QuadraticKappa => "quadratic kappa",
            Metric::LogLoss => "−log loss",
        }
    }

    /// The error of a score, which is lower the better: the loss itself for log loss, and 1 − `score`
    /// for all other metrics.
    pub fn error(self, score: f64) -> f64 {
        match self {
            Metric::LogLoss => 0.0 - score, // 0 for a score of 0, not −0
            _ => 1.0 - score,
        }
    }

    /// Returns true if the metric is defined for this kind of task.
    pub fn applies_to(self, kind: TaskKind) -> bool {
        kind == TaskKind::Multiclass || matches!(self, Metric::Auroc | Metric::LogLoss)
    }

    /// The metric as a function of the confusion matrix; `None` if it needs the logits.
    pub(crate) fn of_matrix(self) -> Option<fn(&Confusion) -> Value> {
        match self {
            Metric::Auroc | Metric::LogLoss => None,
            Metric::Accuracy => Some(accuracy),
            Metric::MacroF1 => Some(macro_f1),
            Metric::MacroRecall => Some(macro_recall),
            Metric::QuadraticKappa => Some(quadratic_kappa),
        }
    }

    /// Evaluates the metric on all samples.
    ///
    /// ```
    /// use ff_eval::{Metric, Predictions, Targets};
    ///
    /// let logits = vec![2.0, 0.1, 0.3, 1.2, 0.2, 1.5, 0.4, 0.9]; // [4, 2]
    /// let predictions = Predictions::new(logits, 2, Targets::Classes(vec![0, 1, 0, 1]))?;
    /// assert_eq!(Metric::Accuracy.evaluate(&predictions).value(), Some(0.75));
    ///
    /// // Without a sample of class 1, AUROC is undefined.
    /// let negative = Predictions::new(vec![2.0, 0.1], 2, Targets::Classes(vec![0]))?;
    /// assert_eq!(Metric::Auroc.evaluate(&negative).value(), None);
    /// # Ok::<(), ff_eval::Error>(())
    /// ```
    pub fn evaluate(self, predictions: &Predictions) -> Value {
        Prepared::new(self, predictions).value(&vec![1; predictions.len()])
    }
}

fn unknown(text: &str) -> String {
    format!("expected one of {}, found {text:?}", Metric::ALL.map(Metric::name).join(", "))
}

/// A metric with the work done that does not depend on the counts of samples: arg-max, sorting and
/// logarithms.
///
/// The metric and its bootstrap share this code.
pub(crate) enum Prepared {
    Matrix(Cells, fn(&Confusion) -> Value),
    Curves(Vec<Curve>),
    Losses(Losses),
    Never(String),
}

impl Prepared {
    pub(crate) fn new(metric: Metric, predictions: &Predictions) -> Prepared {
        let Some(of_matrix) = metric.of_matrix() else {
            return match metric {
                Metric::LogLoss => Prepared::Losses(Losses::of(predictions)),
                _ => Prepared::Curves(curves(predictions)),
            };
        };
        match Cells::of(predictions) {
            Some(cells) => Prepared::Matrix(cells, of_matrix),
            None => Prepared::Never(format!("{} is undefined for multilabel targets", metric.title())),
        }
    }

    /// Computes the value when sample `i` occurs `times[i]` times.
    pub(crate) fn value(&self, times: &[u32]) -> Value {
        match self {
            Prepared::Matrix(cells, of_matrix) => of_matrix(&cells.count(times)),
            Prepared::Curves(curves) => mean_area(curves, times),
            Prepared::Losses(losses) => losses.score(times),
            Prepared::Never(why) => Value::Undefined(why.clone()),
        }
    }
}

fn mean_area(curves: &[Curve], times: &[u32]) -> Value {
    let areas: Vec<_> = curves.iter().map(|curve| curve.area(times)).collect();
    let defined: Vec<f64> = areas.iter().filter_map(|area| area.value()).collect();
    let undefined = || {
        let why = curves.iter().zip(&areas).map(|(of, area)| format!("output {}: {}", of.output, area.gap()));
        Value::Undefined(why.collect::<Vec<_>>().join("; "))
    };
    mean(&defined).map_or_else(undefined, Value::Defined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Note;
    use crate::predictions::Targets;

    #[test]
    fn names_parse_and_serialize() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        assert_eq!(
            "f1".parse::<Metric>().unwrap_err(),
            "expected one of accuracy, macro-f1, macro-recall, auroc, quadratic-kappa, log-loss, found \"f1\""
        );
    }

    #[test]
    fn errors_are_lower_the_better() {
        assert_eq!((Metric::Auroc.error(0.75), Metric::QuadraticKappa.error(-0.5)), (0.25, 1.5));
        assert_eq!(Metric::LogLoss.error(-0.7), 0.7);
        assert_eq!(Metric::LogLoss.error(0.0).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn without_samples_nothing_is_defined() {
        for targets in [Targets::Classes(vec![]), Targets::Labels(vec![])] {
            let empty = Predictions::new(vec![], 3, targets).unwrap();
            for metric in Metric::ALL {
                assert_eq!(metric.evaluate(&empty).value(), None, "{metric}");
            }
        }
    }

    #[test]
    fn notes_name_classes_that_means_leave_out() {
        // Targets 1 and 1, predictions 1 and 3.
        let logits = vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let predictions = Predictions::new(logits, 4, Targets::Classes(vec![1, 1])).unwrap();
        let absent = |metric| Note::AbsentClasses { metric, classes: vec![0, 2] };
        let few = |outputs| Note::FewSamples { kind: TaskKind::Multiclass, outputs };
        let of_f1 = [absent(Metric::MacroF1), few(vec![(1, 2), (3, 0)])];
        assert_eq!(Metric::MacroF1.notes(&predictions), of_f1);
        let only = Note::OnlyPredicted { class: 3 };
        let of_recall = [absent(Metric::MacroRecall), only, few(vec![(1, 2)])];
        assert_eq!(Metric::MacroRecall.notes(&predictions), of_recall, "a class is named once");
        let empty = Predictions::new(vec![], 4, Targets::Classes(vec![])).unwrap();
        assert!(Metric::ALL.into_iter().all(|metric| metric.notes(&empty).is_empty()));
    }

    #[test]
    fn notes_name_outputs_and_assumptions() {
        // Targets 0 and 1, predictions 0 and 2.
        let logits = vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 1])).unwrap();
        let why = "no positive sample".to_owned();
        let few = |outputs| Note::FewSamples { kind: TaskKind::Multiclass, outputs };
        let two = || few(vec![(0, 1), (1, 1)]);
        assert_eq!(Metric::MacroRecall.notes(&predictions), [Note::OnlyPredicted { class: 2 }, two()]);
        assert_eq!(Metric::MacroF1.notes(&predictions), [few(vec![(0, 1), (1, 1), (2, 0)])]);
        assert_eq!(Metric::Auroc.notes(&predictions), [Note::LeftOut { output: 2, why }, two()]);
        let labels = Predictions::new(vec![0.0; 2], 1, Targets::Labels(vec![0.0, 1.0])).unwrap();
        assert_eq!(
            Metric::MacroF1.evaluate(&labels),
            Value::Undefined("macro F1 is undefined for multilabel targets".into())
        );
    }
}
