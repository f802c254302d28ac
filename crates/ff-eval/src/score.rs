//! Scores: the value of a metric with its interval and notes.

use serde::{Deserialize, Serialize};

use crate::auroc::{OutputAuroc, auroc_per_output};
use crate::bootstrap::{Interval, bootstrap};
use crate::chance::Chance;
use crate::metric::Metric;
use crate::note::Note;
use crate::predictions::{Predictions, TaskKind};
use crate::value::Value;

/// The value of a metric on predictions, with its interval and notes.
///
/// ```
/// use ff_eval::{Metric, Predictions, Score, Targets};
///
/// let logits = vec![2.0, 0.1, 0.3, 1.2, 0.2, 1.5, 0.4, 0.9]; // [4, 2]
/// let predictions = Predictions::new(logits, 2, Targets::Classes(vec![0, 1, 0, 1]))?;
/// let score = Score::new(Metric::Accuracy, &predictions, 1000, 0);
/// assert_eq!((score.value.value(), score.samples), (Some(0.75), 4));
/// let interval = score.interval.expect("accuracy is defined on every resample");
/// assert!(interval.low < 0.75 && interval.high == 1.0);
/// # Ok::<(), ff_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric.
    pub metric: Metric,
    /// The value of the metric.
    pub value: Value,
    /// The 95 % percentile bootstrap interval of the value; `None` without resamples or if it is
    /// undefined.
    pub interval: Option<Interval>,
    /// The chance level, and whether the model is collapsed; unknown in records of older versions.
    #[serde(default, skip_serializing_if = "Chance::is_unknown")]
    pub chance: Chance,
    /// The number of samples scored.
    pub samples: usize,
    /// The number of groups, of predictions with groups; `None` where samples are independent, and
    /// in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Notes on what the value leaves out or assumes and on few samples (see [`Metric::notes`]), and
    /// on few groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The value of each task, in the order of the outputs, for AUROC of multilabel predictions;
    /// `value` is the mean over the tasks with positives and negatives. Empty otherwise, and in
    /// records of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputAuroc>,
    /// The number of samples of each class, or of known positives of each task, in the order of the
    /// outputs, for means over these: macro F1, macro recall and AUROC. Empty for other metrics, and
    /// in records of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<u64>,
}

impl Score {
    /// Scores predictions, with an interval from `resamples` resamples of `seed`; see
    /// [`bootstrap`]. With 0 resamples there is no interval.
    pub fn new(metric: Metric, predictions: &Predictions, resamples: usize, seed: u64) -> Score {
        let is_mean = matches!(metric, Metric::MacroF1 | Metric::MacroRecall | Metric::Auroc)
            && metric.applies_to(predictions.kind());
        let per_task = metric == Metric::Auroc && predictions.kind() == TaskKind::Multilabel;
        let groups = predictions.group_count();
        let few_groups = groups.filter(|_| resamples > 0).and_then(Note::few_groups);
        Score {
            metric,
            value: metric.evaluate(predictions),
            interval: bootstrap(metric, predictions, resamples, seed),
            chance: Chance::of(metric, predictions),
            samples: predictions.len(),
            groups,
            notes: metric.notes(predictions).into_iter().chain(few_groups).collect(),
            outputs: if per_task { auroc_per_output(predictions) } else { Vec::new() },
            counts: if is_mean { predictions.targets().counts(predictions.outputs()) } else { Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Targets;

    #[test]
    fn multilabel_auroc_has_values_of_tasks() {
        // Task 0 has three of four pairs in order, task 1 no positive sample.
        let labels = Targets::Labels(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, f32::NAN]);
        let logits = vec![0.5, 0.0, 1.0, 0.0, 2.0, 0.0, -1.0, 0.0];
        let score = Score::new(Metric::Auroc, &Predictions::new(logits, 2, labels).unwrap(), 0, 0);
        let values: Vec<_> = score.outputs.iter().map(|of| of.value.clone()).collect();
        assert_eq!(
            values,
            [Value::Defined(0.75), Value::Undefined("output 1: no positive sample".to_owned())]
        );
        assert_eq!(score.value, Value::Defined(0.75));
        assert_eq!(score.counts, [2, 0]);
        let json = serde_json::to_string(&score).unwrap();
        assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score);
    }

    #[test]
    fn means_over_classes_have_their_counts() {
        let predictions =
            Predictions::new(vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0], 2, Targets::Classes(vec![1, 0, 1]));
        let predictions = predictions.unwrap();
        for metric in Metric::ALL {
            let is_mean = matches!(metric, Metric::MacroF1 | Metric::MacroRecall | Metric::Auroc);
            let score = Score::new(metric, &predictions, 0, 0);
            assert_eq!(score.counts, if is_mean { vec![1, 2] } else { vec![] }, "{metric}");
            let json = serde_json::to_string(&score).unwrap();
            assert_eq!(json.contains("\"counts\":[1,2]"), is_mean, "{json}");
            assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score);
        }
        let labels = Predictions::new(vec![1.0, 0.0], 1, Targets::Labels(vec![1.0, 0.0])).unwrap();
        assert!(Score::new(Metric::MacroF1, &labels, 0, 0).counts.is_empty());
    }

    #[test]
    fn few_groups_are_noted() {
        let predictions = Predictions::new([1.0, 0.0].repeat(60), 2, Targets::Classes(vec![0; 60])).unwrap();
        let score = |groups: u32, resamples| {
            let groups = (0..60).map(|sample| sample % groups).collect();
            Score::new(Metric::Accuracy, &predictions.clone().with_groups(groups).unwrap(), resamples, 0)
        };
        assert_eq!((score(50, 9).groups, score(50, 9).notes), (Some(50), vec![]));
        assert_eq!(
            (score(49, 9).groups, score(49, 9).notes),
            (Some(49), vec![Note::FewGroups { groups: 49 }])
        );
        assert_eq!((score(49, 0).groups, score(49, 0).notes), (Some(49), vec![]));
        assert_eq!((score(1, 9).interval, score(1, 9).notes), (None, vec![Note::FewGroups { groups: 1 }]));
        let json = serde_json::to_string(&score(49, 9)).unwrap();
        assert!(json.contains(r#""groups":49,"notes":[{"few-groups":{"groups":49}}]"#), "{json}");
        assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score(49, 9));
    }

    #[test]
    fn records_without_groups_and_tasks_are_read() {
        let predictions = Predictions::new(vec![1.0, 0.0], 2, Targets::Classes(vec![0])).unwrap();
        let score = Score::new(Metric::Accuracy, &predictions, 0, 0);
        let record =
            r#"{"metric":"accuracy","value":1.0,"interval":null,"chance":{"level":1.0},"samples":1}"#;
        assert_eq!(serde_json::to_string(&score).unwrap(), record);
        let old = record.replacen("1.0", r#"{"defined":1.0}"#, 1);
        for record in [record, &old] {
            assert_eq!(serde_json::from_str::<Score>(record).unwrap(), score);
        }
        let older = old.replace(r#""chance":{"level":1.0},"#, "");
        assert_eq!(
            serde_json::from_str::<Score>(&older).unwrap(),
            Score { chance: Chance::default(), ..score }
        );
    }
}
