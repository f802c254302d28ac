//! The metrics that a config can name.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::auroc::{Curve, curves};
use crate::classes::{accuracy, macro_f1, macro_recall};
use crate::confusion::{Cells, Confusion};
use crate::kappa::quadratic_kappa;
use crate::predictions::{Predictions, TaskKind};
use crate::spread::mean;
use crate::value::Value;

/// How well predictions agree with targets; of each metric more is better. All but AUROC look only
/// at the arg-max (ties: the lowest index) and are undefined for multilabel targets. All are
/// undefined without samples.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Metric {
    /// Share of samples whose arg-max is their class; 0 to 1. Over all samples at once:
    /// FissionFusion's released code averages batches, which is wrong where the last is smaller.
    Accuracy,
    /// Mean F1 over the classes in targets or predictions, as scikit-learn's default; 0 to 1. A
    /// class that is only a target or only predicted has an F1 of 0; [`Metric::notes`] lists those
    /// that are neither.
    MacroF1,
    /// Mean recall over the classes in targets or predictions, as scikit-learn's default; 0 to 1. A
    /// class that is only predicted has no recall: as in scikit-learn it counts as 0, and
    /// [`Metric::notes`] names it, as it does those that are neither.
    MacroRecall,
    /// Area under the ROC curve; 0 to 1, 0.5 for chance. Two classes: of class 1, by the difference
    /// of the logits. More: mean over classes, each against the rest by its softmax probability.
    /// Multilabel: mean over tasks, each where it is known. Outputs that lack positives or
    /// negatives are left out of the mean, and [`Metric::notes`] names them; undefined if none is
    /// left.
    Auroc,
    /// Cohen's kappa with quadratic weights, for ordinal classes; −1 to 1, 0 for chance. Distances
    /// are those of all classes, also where some do not occur (scikit-learn: `labels=range(C)`).
    /// Undefined if targets and predictions are one and the same class throughout.
    QuadraticKappa,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 5] =
        [Metric::Accuracy, Metric::MacroF1, Metric::MacroRecall, Metric::Auroc, Metric::QuadraticKappa];

    /// The name used in configs, records and on command lines.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The name for people to read, as in a table's head.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MacroF1 => "macro F1",
            Metric::MacroRecall => "macro recall",
            Metric::Auroc => "AUROC",
            Metric::QuadraticKappa => "quadratic kappa",
        }
    }

    /// Whether the metric can be defined for such targets.
    pub fn applies_to(self, kind: TaskKind) -> bool {
        kind == TaskKind::Multiclass || self == Metric::Auroc
    }

    /// The metric of a confusion matrix, unless it needs more than that.
    pub(crate) fn of_matrix(self) -> Option<fn(&Confusion) -> Value> {
        match self {
            Metric::Auroc => None,
            Metric::Accuracy => Some(accuracy),
            Metric::MacroF1 => Some(macro_f1),
            Metric::MacroRecall => Some(macro_recall),
            Metric::QuadraticKappa => Some(quadratic_kappa),
        }
    }

    /// The metric over all samples.
    pub fn evaluate(self, predictions: &Predictions) -> Value {
        Prepared::new(self, predictions).value(&vec![1; predictions.len()])
    }
}

fn unknown(text: &str) -> String {
    format!("expected one of {}, found {text:?}", Metric::ALL.map(Metric::name).join(", "))
}

/// A metric with all the work done that does not depend on how often each sample counts: arg-max
/// and sorting. The metric itself and its bootstrap are the same code.
pub(crate) enum Prepared {
    Matrix(Cells, fn(&Confusion) -> Value),
    Curves(Vec<Curve>),
    Never(String),
}

impl Prepared {
    pub(crate) fn new(metric: Metric, predictions: &Predictions) -> Prepared {
        let Some(of_matrix) = metric.of_matrix() else { return Prepared::Curves(curves(predictions)) };
        match Cells::of(predictions) {
            Some(cells) => Prepared::Matrix(cells, of_matrix),
            None => Prepared::Never(format!(
                "{} needs one class per sample, not multilabel targets",
                metric.title()
            )),
        }
    }

    /// The value when sample `i` stands `times[i]` times.
    pub(crate) fn value(&self, times: &[u32]) -> Value {
        match self {
            Prepared::Matrix(cells, of_matrix) => of_matrix(&cells.count(times)),
            Prepared::Curves(curves) => mean_area(curves, times),
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
    fn names_are_the_same_everywhere() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        assert_eq!(
            "f1".parse::<Metric>().unwrap_err(),
            "expected one of accuracy, macro-f1, macro-recall, auroc, quadratic-kappa, found \"f1\""
        );
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
    fn means_over_classes_say_which_they_leave_out() {
        // Targets 1 and 1, predictions 1 and 3.
        let logits = vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let predictions = Predictions::new(logits, 4, Targets::Classes(vec![1, 1])).unwrap();
        let absent = |metric| Note::AbsentClasses { metric, classes: vec![0, 2] };
        assert_eq!(Metric::MacroF1.notes(&predictions), [absent(Metric::MacroF1)]);
        let only = Note::OnlyPredicted { class: 3 };
        assert_eq!(Metric::MacroRecall.notes(&predictions), [absent(Metric::MacroRecall), only]);
        let empty = Predictions::new(vec![], 4, Targets::Classes(vec![])).unwrap();
        assert!(Metric::ALL.into_iter().all(|metric| metric.notes(&empty).is_empty()));
    }

    #[test]
    fn says_what_it_left_out_or_assumed() {
        // Targets 0 and 1, predictions 0 and 2.
        let logits = vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 1])).unwrap();
        let why = "no positive sample".to_owned();
        assert_eq!(Metric::MacroRecall.notes(&predictions), [Note::OnlyPredicted { class: 2 }]);
        assert_eq!(Metric::MacroF1.notes(&predictions), []);
        assert_eq!(Metric::Auroc.notes(&predictions), [Note::LeftOut { output: 2, why }]);
        let labels = Predictions::new(vec![0.0; 2], 1, Targets::Labels(vec![0.0, 1.0])).unwrap();
        assert_eq!(
            Metric::MacroF1.evaluate(&labels),
            Value::Undefined("macro F1 needs one class per sample, not multilabel targets".into())
        );
    }
}
