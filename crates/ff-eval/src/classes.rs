//! Accuracy, macro F1 and macro recall, and precision, recall and F1 of each class.

use serde::{Deserialize, Serialize};

use crate::confusion::Confusion;
use crate::predictions::{Predictions, Targets};
use crate::spread::mean;
use crate::value::Value;

/// Precision, recall and F1 of a class or a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// The index of the class or task.
    pub class: usize,
    /// The fraction of the samples predicted as the class that belong to it; undefined if none is.
    pub precision: Value,
    /// The fraction of the class's samples that are predicted as it; undefined without samples.
    pub recall: Value,
    /// The harmonic mean of both, `2·TP / (2·TP + FP + FN)`; undefined if the class is neither in
    /// the targets nor predicted.
    pub f1: Value,
    /// The number of samples of the class; of a task, those with a positive label.
    pub support: u64,
    /// The number of samples predicted as the class; of a task, those with a known label.
    pub predicted: u64,
}

/// Computes precision, recall and F1 of each class, in order of index.
pub fn class_table(confusion: &Confusion) -> Vec<ClassRow> {
    let (support, predicted) = (confusion.support(), confusion.predicted());
    let row = |class: usize| {
        let counts = (confusion.count(class, class), support[class], predicted[class]);
        ClassRow::new("class", class, counts)
    };
    (0..confusion.classes()).map(row).collect()
}

/// Computes precision, recall and F1 of each output.
///
/// The outputs of multiclass predictions are classes ([`class_table`]), those of multilabel ones
/// tasks. A task is evaluated on the samples whose label is known; a logit above 0 (a probability
/// above one half) is a positive prediction.
pub fn output_table(predictions: &Predictions) -> Vec<ClassRow> {
    let Targets::Labels(labels) = predictions.targets() else {
        return Confusion::of(predictions).as_ref().map(class_table).unwrap_or_default();
    };
    let outputs = predictions.outputs();
    let row = |task: usize| {
        let column = |values: &[f32]| values.iter().skip(task).step_by(outputs).copied().collect::<Vec<_>>();
        let (mut hits, mut support, mut predicted) = (0, 0, 0);
        for (label, logit) in column(labels).into_iter().zip(column(predictions.logits())) {
            let (truth, said) = (label == 1.0, logit > 0.0 && !label.is_nan());
            hits += u64::from(truth && said);
            support += u64::from(truth);
            predicted += u64::from(said);
        }
        ClassRow::new("task", task, (hits, support, predicted))
    };
    (0..outputs).map(row).collect()
}

impl ClassRow {
    fn new(what: &str, class: usize, (hits, support, predicted): (u64, u64, u64)) -> ClassRow {
        ClassRow {
            class,
            precision: ratio(hits, predicted, || format!("{what} {class} is never predicted")),
            recall: ratio(hits, support, || format!("{what} {class} is not in the targets")),
            f1: ratio(2 * hits, support + predicted, || {
                format!("{what} {class} is neither in the targets nor predicted")
            }),
            support,
            predicted,
        }
    }
}

pub(crate) fn accuracy(confusion: &Confusion) -> Value {
    let hits = (0..confusion.classes()).map(|class| confusion.count(class, class)).sum();
    ratio(hits, confusion.samples(), || "no samples".to_owned())
}

/// The mean F1 of the classes in targets or predictions.
pub(crate) fn macro_f1(confusion: &Confusion) -> Value {
    macro_mean(confusion, |hits, support, predicted| 2.0 * hits / (support + predicted))
}

/// The mean recall of the classes in targets or predictions; one only predicted counts as 0.
pub(crate) fn macro_recall(confusion: &Confusion) -> Value {
    macro_mean(confusion, |hits, support, _| if support > 0.0 { hits / support } else { 0.0 })
}

/// The classes that [`macro_recall`] counts as 0 because they are predicted but have no sample.
pub(crate) fn only_predicted(confusion: &Confusion) -> Vec<usize> {
    let (support, predicted) = (confusion.support(), confusion.predicted());
    (0..confusion.classes()).filter(|&class| support[class] == 0 && predicted[class] > 0).collect()
}

/// The classes that means over classes leave out: those neither in targets nor in predictions.
pub(crate) fn absent(confusion: &Confusion) -> Vec<usize> {
    let (support, predicted) = (confusion.support(), confusion.predicted());
    (0..confusion.classes()).filter(|&class| support[class] + predicted[class] == 0).collect()
}

fn macro_mean(confusion: &Confusion, of_class: impl Fn(f64, f64, f64) -> f64) -> Value {
    let (support, predicted) = (confusion.support(), confusion.predicted());
    let present: Vec<f64> = (0..confusion.classes())
        .filter(|&class| support[class] + predicted[class] > 0)
        .map(|class| {
            of_class(confusion.count(class, class) as f64, support[class] as f64, predicted[class] as f64)
        })
        .collect();
    mean(&present).map_or_else(|| Value::Undefined("no samples".to_owned()), Value::Defined)
}

fn ratio(part: u64, whole: u64, why_not: impl FnOnce() -> String) -> Value {
    if whole == 0 { Value::Undefined(why_not()) } else { Value::Defined(part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    /// A model that predicts class 0 for all samples.
    fn collapsed(counts: &[usize]) -> Predictions {
        let classes: Vec<usize> = counts.iter().enumerate().flat_map(|(k, &n)| vec![k; n]).collect();
        let logits = classes.iter().flat_map(|_| (0..counts.len()).map(|k| -(k as f32))).collect();
        Predictions::new(logits, counts.len(), Targets::Classes(classes)).unwrap()
    }

    /// The scores of collapsed models in FissionFusion's tables: 1/7 on HAM10000 for any counts,
    /// and close to 0.378 on RSNA, here with a tenth of all its Normal and Lung Opacity images.
    #[test]
    fn collapsed_models_score_as_in_the_paper() {
        let seven = collapsed(&[909, 217, 93, 44, 43, 35, 171]);
        assert!((Metric::MacroRecall.evaluate(&seven).value().unwrap() - 1.0 / 7.0).abs() < 1e-12);
        let rsna = collapsed(&[885, 601]);
        assert!((Metric::MacroF1.evaluate(&rsna).value().unwrap() - 885.0 / (885.0 + 1486.0)).abs() < 1e-12);
    }

    #[test]
    fn undefined_values_say_why() {
        let table = class_table(&Confusion::of(&collapsed(&[2, 1, 0])).unwrap());
        assert_eq!(table[0].recall, Value::Defined(1.0));
        assert_eq!(table[0].precision, Value::Defined(2.0 / 3.0));
        assert_eq!(table[1].precision, Value::Undefined("class 1 is never predicted".into()));
        assert_eq!(table[1].f1, Value::Defined(0.0));
        assert_eq!(table[2].recall, Value::Undefined("class 2 is not in the targets".into()));
        assert_eq!(table[2].f1, Value::Undefined("class 2 is neither in the targets nor predicted".into()));
    }
}
