//! Notes on scores: what a score leaves out or assumes, and few samples or groups.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::auroc::auroc_per_output;
use crate::classes::{absent, only_predicted};
use crate::confusion::Confusion;
use crate::folds::Folds;
use crate::metric::Metric;
use crate::predictions::{Predictions, Targets, TaskKind};

/// The number of samples below which a class gets a note.
///
/// At 10 samples one image moves the class's recall by 10 points, and the 95 % interval of a recall
/// of one half is about 0.24 to 0.76 (Wilson 1927).
pub const FEW_SAMPLES: u64 = 10;

/// The number of groups below which an interval gets a note that it is too narrow.
///
/// In the simulation of `examples/coverage.rs`, with 2,000 runs for each design, 95 % bootstrap
/// intervals with groups miss the true value in up to 10.3 % of the runs with 10 groups, 7.9 % with
/// 20, 8.0 % with 30, 6.9 % with 50, 5.9 % with 100 and 5.8 % with 200.
pub(crate) const FEW_GROUPS: usize = 50;

/// A note on a score, such as a caveat; [`Note::describe`] gives its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// The mean of AUROC leaves out an output.
    LeftOut {
        /// The index of the output.
        output: usize,
        /// The reason, such as "no positive sample".
        why: String,
    },
    /// A mean over classes leaves out those neither in targets nor in predictions.
    AbsentClasses {
        /// The metric with the mean.
        metric: Metric,
        /// The classes, in ascending order.
        classes: Vec<usize>,
    },
    /// The recall of a class counts as 0, because the class is predicted but not in the targets.
    OnlyPredicted {
        /// The class.
        class: usize,
    },
    /// Some classes or tasks have fewer than 10 samples or positives: see [`Note::few_samples`].
    FewSamples {
        /// The kind of task: classes or tasks.
        kind: TaskKind,
        /// Each class or task with its number of samples or positives, in the order of the outputs.
        outputs: Vec<(usize, u64)>,
    },
    /// Some classes or tasks have all samples or positives in one fold: see [`Note::in_one_fold`].
    InOneFold {
        /// The kind of task: classes or tasks.
        kind: TaskKind,
        /// Each class or task with its number of samples or positives, in the order of the outputs.
        outputs: Vec<(usize, u64)>,
    },
    /// There are fewer than 50 groups: see [`Note::few_groups`].
    FewGroups {
        /// The number of groups.
        groups: usize,
    },
    /// The temperature of a calibrator is at an end of its range: see [`crate::Calibrator`].
    TemperatureBound {
        /// True at the upper end, 100; false at the lower, 0.01.
        upper: bool,
    },
    /// A calibrator leaves the probabilities of a task as they are.
    Uncalibrated {
        /// The index of the task.
        task: usize,
        /// The reason, such as "no positive sample".
        why: String,
    },
    /// All resamples give a rate of 0, or all of 1, because all samples do.
    NoWidth {
        /// The rate, such as "sensitivity".
        rate: String,
        /// The number of samples.
        samples: u64,
    },
    /// An output has fewer than 10 negative samples, so its specificity is unreliable.
    FewNegatives {
        /// The kind of task: classes or tasks.
        kind: TaskKind,
        /// The index of the output.
        output: usize,
        /// The number of negative samples.
        negatives: u64,
    },
    /// A subgroup is not compared with the other samples: see [`crate::Subgroups`].
    NotCompared {
        /// The reason, such as "the other samples have no positive sample".
        why: String,
    },
    /// A subgroup is not compared with the other samples, because the metric is a mean over other
    /// classes or tasks there.
    OtherOutputs {
        /// The kind of task: classes or tasks.
        kind: TaskKind,
        /// The classes or tasks that only one side has, in ascending order.
        outputs: Vec<usize>,
    },
    /// A text, as all notes in records of older versions.
    #[serde(untagged)]
    Text(String),
}

impl Note {
    /// Notes the classes with fewer than 10 samples in the targets, or the tasks with fewer than 10
    /// known positives; `None` if there are none.
    ///
    /// `targets` and `outputs` are those of [`crate::Predictions::new`]. With so few samples, a score
    /// to which each class counts the same depends on single images, and so does a selection by it.
    pub fn few_samples(targets: &Targets, outputs: usize) -> Option<Note> {
        let kind = match targets {
            Targets::Classes(_) => TaskKind::Multiclass,
            Targets::Labels(_) => TaskKind::Multilabel,
        };
        let few = targets.counts(outputs).into_iter().enumerate().filter(|(_, count)| *count < FEW_SAMPLES);
        let outputs: Vec<(usize, u64)> = few.collect();
        (!outputs.is_empty()).then_some(Note::FewSamples { kind, outputs })
    }

    /// Notes the classes, or the tasks' positives, that are all in one fold; `None` if there are none.
    ///
    /// A model that is chosen without that fold is chosen without them.
    pub fn in_one_fold(predictions: &Predictions, folds: &Folds) -> Option<Note> {
        let outputs = folds.in_one_fold(predictions.targets(), predictions.outputs());
        (!outputs.is_empty()).then_some(Note::InOneFold { kind: predictions.kind(), outputs })
    }

    /// Notes that there are fewer than 50 groups; `None` with 50 or more.
    ///
    /// Their 95 % intervals are too narrow: in simulations those of the bootstrap miss the true
    /// value in up to 10 % of runs with 10 groups, in up to 8 % with 20 or 30, in less than 7 %
    /// with 50 and in less than 6 % with 100 or more. DeLong's are affected less.
    pub fn few_groups(groups: usize) -> Option<Note> {
        (groups < FEW_GROUPS).then_some(Note::FewGroups { groups })
    }

    /// Writes the note as text, with the `names` of classes, tasks and outputs, or with their
    /// indices where `names` has none.
    pub fn describe(&self, names: &[String]) -> String {
        let name = |what: &str, index: usize| {
            names.get(index).map_or_else(|| format!("{what} {index}"), Clone::clone)
        };
        // Such as "samples of class 1 (4)".
        let counted = |kind: TaskKind, outputs: &[(usize, u64)]| {
            let (what, samples) = match kind {
                TaskKind::Multiclass => ("class", "samples"),
                TaskKind::Multilabel => ("task", "positive samples"),
            };
            let of = outputs.iter().map(|&(output, count)| format!("{} ({count})", name(what, output)));
            format!("{samples} of {}", of.collect::<Vec<_>>().join(", "))
        };
        match self {
            Note::LeftOut { output, why } => format!("AUROC leaves out {}: {why}", name("output", *output)),
            Note::AbsentClasses { metric, classes } => {
                let classes: Vec<String> = classes.iter().map(|&class| name("class", class)).collect();
                let (metric, classes) = (metric.title(), classes.join(", "));
                format!("{metric} leaves out {classes}: neither in the targets nor predicted")
            }
            Note::OnlyPredicted { class } => {
                let class = name("class", *class);
                format!("{class} is predicted but not in the targets: its recall counts as 0")
            }
            Note::FewSamples { kind, outputs } => {
                let few = counted(*kind, outputs);
                format!("fewer than {FEW_SAMPLES} {few}: scores that depend on them are unreliable")
            }
            Note::InOneFold { kind, outputs } => {
                let all = counted(*kind, outputs);
                format!("all {all} are in one fold: while it is left out, nothing is known of them")
            }
            Note::FewGroups { groups: groups @ 0..2 } => {
                format!("no interval: expected at least 2 groups, found {groups}")
            }
            Note::FewGroups { groups } => {
                format!(
                    "the interval is probably too narrow: it is from {groups} groups, fewer than {FEW_GROUPS}"
                )
            }
            Note::TemperatureBound { upper: true } => {
                "the temperature is at its upper bound, 100: the logits say little about the classes"
                    .to_owned()
            }
            Note::TemperatureBound { upper: false } => {
                "the temperature is at its lower bound, 0.01: almost all samples are predicted correctly"
                    .to_owned()
            }
            Note::Uncalibrated { task, why } => format!("{} is not calibrated: {why}", name("task", *task)),
            Note::NoWidth { rate, samples } => {
                format!(
                    "the interval of {rate} has no width, because all {samples} samples agree: the true rate may differ by 3/{samples} or more (rule of three)"
                )
            }
            Note::FewNegatives { kind, output, negatives } => {
                let what = if *kind == TaskKind::Multiclass { "class" } else { "task" };
                let name = name(what, *output);
                format!(
                    "fewer than {FEW_SAMPLES} negative samples of {name} ({negatives}): its specificity is unreliable"
                )
            }
            Note::NotCompared { why } => format!("not compared with the other samples: {why}"),
            Note::OtherOutputs { kind, outputs } => {
                let what = if *kind == TaskKind::Multiclass { "class" } else { "task" };
                let names: Vec<String> = outputs.iter().map(|&output| name(what, output)).collect();
                format!(
                    "not compared with the other samples: only one side has {}, so the means are over other outputs",
                    names.join(", ")
                )
            }
            Note::Text(text) => text.clone(),
        }
    }
}

impl fmt::Display for Note {
    /// Writes the text of [`Note::describe`] without names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(&[]))
    }
}

impl Metric {
    /// Notes what [`Metric::evaluate`] leaves out or assumes on these predictions, and, of metrics to
    /// which each class or task counts the same (all but accuracy and log loss), those with fewer
    /// than 10 samples or positives.
    ///
    /// Empty if the value is undefined, which then says why.
    pub fn notes(self, predictions: &Predictions) -> Vec<Note> {
        let even = !matches!(self, Metric::Accuracy | Metric::LogLoss);
        if !even || self.evaluate(predictions).value().is_none() {
            return Vec::new();
        }
        let mut notes = self.left_out(predictions);
        let named = |output: usize| {
            notes.iter().any(|note| match note {
                Note::LeftOut { output: of, .. } | Note::OnlyPredicted { class: of } => *of == output,
                Note::AbsentClasses { classes, .. } => classes.contains(&output),
                _ => false,
            })
        };
        let few = Note::few_samples(predictions.targets(), predictions.outputs());
        if let Some(Note::FewSamples { kind, mut outputs }) = few {
            outputs.retain(|(output, _)| !named(*output));
            if !outputs.is_empty() {
                notes.push(Note::FewSamples { kind, outputs });
            }
        }
        notes
    }

    /// Notes what a defined value leaves out or assumes.
    fn left_out(self, predictions: &Predictions) -> Vec<Note> {
        match self {
            Metric::Auroc => {
                let outputs = auroc_per_output(predictions).into_iter();
                let left_out = outputs.filter(|of| of.value.value().is_none());
                left_out.map(|of| Note::LeftOut { output: of.output, why: of.gap().to_owned() }).collect()
            }
            Metric::MacroF1 | Metric::MacroRecall => {
                let Some(confusion) = Confusion::of(predictions) else { return Vec::new() };
                let classes = absent(&confusion);
                let absent = (!classes.is_empty()).then_some(Note::AbsentClasses { metric: self, classes });
                let recall = self == Metric::MacroRecall;
                let only = if recall { only_predicted(&confusion) } else { Vec::new() };
                absent
                    .into_iter()
                    .chain(only.into_iter().map(|class| Note::OnlyPredicted { class }))
                    .collect()
            }
            Metric::Accuracy | Metric::QuadraticKappa | Metric::LogLoss => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(Note, &'static str, &'static str)> {
        let few = |kind| Note::FewSamples { kind, outputs: vec![(1, 4), (2, 0)] };
        let in_one_fold = |kind| Note::InOneFold { kind, outputs: vec![(1, 4), (2, 1)] };
        vec![
            (
                Note::LeftOut { output: 1, why: "no positive sample".into() },
                "AUROC leaves out output 1: no positive sample",
                "AUROC leaves out b: no positive sample",
            ),
            (
                Note::AbsentClasses { metric: Metric::MacroF1, classes: vec![0, 2] },
                "macro F1 leaves out class 0, class 2: neither in the targets nor predicted",
                "macro F1 leaves out a, class 2: neither in the targets nor predicted",
            ),
            (
                Note::OnlyPredicted { class: 0 },
                "class 0 is predicted but not in the targets: its recall counts as 0",
                "a is predicted but not in the targets: its recall counts as 0",
            ),
            (
                few(TaskKind::Multiclass),
                "fewer than 10 samples of class 1 (4), class 2 (0): scores that depend on them are unreliable",
                "fewer than 10 samples of b (4), class 2 (0): scores that depend on them are unreliable",
            ),
            (
                few(TaskKind::Multilabel),
                "fewer than 10 positive samples of task 1 (4), task 2 (0): scores that depend on them are unreliable",
                "fewer than 10 positive samples of b (4), task 2 (0): scores that depend on them are unreliable",
            ),
            (
                in_one_fold(TaskKind::Multiclass),
                "all samples of class 1 (4), class 2 (1) are in one fold: while it is left out, nothing is known of them",
                "all samples of b (4), class 2 (1) are in one fold: while it is left out, nothing is known of them",
            ),
            (
                in_one_fold(TaskKind::Multilabel),
                "all positive samples of task 1 (4), task 2 (1) are in one fold: while it is left out, nothing is known of them",
                "all positive samples of b (4), task 2 (1) are in one fold: while it is left out, nothing is known of them",
            ),
            (
                Note::FewGroups { groups: 12 },
                "the interval is probably too narrow: it is from 12 groups, fewer than 50",
                "the interval is probably too narrow: it is from 12 groups, fewer than 50",
            ),
            (
                Note::FewGroups { groups: 1 },
                "no interval: expected at least 2 groups, found 1",
                "no interval: expected at least 2 groups, found 1",
            ),
            (
                Note::TemperatureBound { upper: true },
                "the temperature is at its upper bound, 100: the logits say little about the classes",
                "the temperature is at its upper bound, 100: the logits say little about the classes",
            ),
            (
                Note::TemperatureBound { upper: false },
                "the temperature is at its lower bound, 0.01: almost all samples are predicted correctly",
                "the temperature is at its lower bound, 0.01: almost all samples are predicted correctly",
            ),
            (
                Note::Uncalibrated { task: 0, why: "no positive sample".into() },
                "task 0 is not calibrated: no positive sample",
                "a is not calibrated: no positive sample",
            ),
            (
                Note::NoWidth { rate: "sensitivity".into(), samples: 12 },
                "the interval of sensitivity has no width, because all 12 samples agree: the true rate may differ by 3/12 or more (rule of three)",
                "the interval of sensitivity has no width, because all 12 samples agree: the true rate may differ by 3/12 or more (rule of three)",
            ),
            (
                Note::FewNegatives { kind: TaskKind::Multilabel, output: 1, negatives: 3 },
                "fewer than 10 negative samples of task 1 (3): its specificity is unreliable",
                "fewer than 10 negative samples of b (3): its specificity is unreliable",
            ),
            (
                Note::NotCompared { why: "a reason".into() },
                "not compared with the other samples: a reason",
                "not compared with the other samples: a reason",
            ),
            (
                Note::OtherOutputs { kind: TaskKind::Multiclass, outputs: vec![1, 2] },
                "not compared with the other samples: only one side has class 1, class 2, so the means are over other outputs",
                "not compared with the other samples: only one side has b, class 2, so the means are over other outputs",
            ),
            (Note::Text("a text".into()), "a text", "a text"),
        ]
    }

    #[test]
    fn names_replace_indices_where_there_are_some() {
        for (note, plain, named) in all() {
            assert_eq!(note.to_string(), plain);
            assert_eq!(note.describe(&["a".into(), "b".into()]), named);
        }
    }

    #[test]
    fn notes_round_trip_and_old_records_are_read() {
        for (note, ..) in all() {
            let json = serde_json::to_string(&note).unwrap();
            assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note, "{json}");
        }
        let old = "class 2 is predicted but not in the targets: its recall counts as 0";
        let read: Note = serde_json::from_str(&format!("{old:?}")).unwrap();
        assert_eq!((read.to_string().as_str(), read), (old, Note::Text(old.into())));
    }

    #[test]
    fn classes_in_one_fold_are_noted() {
        let of = |classes: Vec<usize>| {
            let predictions =
                Predictions::new(vec![0.0; 2 * classes.len()], 2, Targets::Classes(classes)).unwrap();
            Note::in_one_fold(&predictions, &Folds::new(&predictions, 5).unwrap())
        };
        let mut classes = vec![0; 20];
        assert_eq!(of(classes.clone()), None);
        classes[7] = 1;
        let kind = TaskKind::Multiclass;
        assert_eq!(of(classes), Some(Note::InOneFold { kind, outputs: vec![(1, 1)] }));
    }

    #[test]
    fn scores_of_few_samples_are_noted() {
        // Twelve samples of class 0 and three of class 1, all predicted correctly.
        let classes: Vec<usize> = (0..15).map(|sample| usize::from(sample >= 12)).collect();
        let logits = classes.iter().flat_map(|&class| [0, 1].map(|of| f32::from(u8::from(of == class))));
        let predictions = Predictions::new(logits.collect(), 2, Targets::Classes(classes.clone())).unwrap();
        let few = |kind, outputs| vec![Note::FewSamples { kind, outputs }];
        for metric in Metric::ALL {
            let expected = match metric {
                Metric::Accuracy | Metric::LogLoss => vec![],
                _ => few(TaskKind::Multiclass, vec![(1, 3)]),
            };
            assert_eq!(metric.notes(&predictions), expected, "{metric}");
        }
        // Three positives of one task.
        let labels = classes.iter().map(|&class| class as f32).collect();
        let predictions = Predictions::new(vec![0.0; 15], 1, Targets::Labels(labels)).unwrap();
        assert_eq!(Metric::Auroc.notes(&predictions), few(TaskKind::Multilabel, vec![(0, 3)]));
        assert_eq!(Metric::LogLoss.notes(&predictions), []);
        assert_eq!(Metric::MacroF1.notes(&predictions), [], "undefined");
    }

    #[test]
    fn fewer_than_ten_samples_are_noted() {
        let mut classes = vec![0; 10];
        classes.extend([1; 9]);
        let few = |outputs: Vec<(usize, u64)>, kind| Some(Note::FewSamples { kind, outputs });
        let found = Note::few_samples(&Targets::Classes(classes), 3);
        assert_eq!(found, few(vec![(1, 9), (2, 0)], TaskKind::Multiclass));
        assert_eq!(Note::few_samples(&Targets::Classes([0, 1].repeat(10)), 2), None);
        let labels = Targets::Labels([1.0, f32::NAN, 0.0, 1.0].repeat(10));
        assert_eq!(Note::few_samples(&labels, 2), None);
        let labels = Targets::Labels([1.0, f32::NAN, 0.0, 1.0].repeat(9));
        assert_eq!(Note::few_samples(&labels, 2), few(vec![(0, 9), (1, 9)], TaskKind::Multilabel));
    }
}
