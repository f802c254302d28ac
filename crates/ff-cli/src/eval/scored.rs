//! The scores of predictions, and how they are printed.

use std::collections::BTreeMap;

use clap::Args;
use ff_eval::{
    BINS, CalibrationScore, Calibrator, ClassRow, Column, Confusion, Decision, Estimate, MAX_RESAMPLES,
    Metric, OperatingPoint, OperatingScore, OutputAuroc, Predictions, Score, Shown, SubgroupScore, Subgroups,
    TaskKind, Value, auroc_per_output, class_table,
};
use serde::Serialize;

use super::decision::ModelRecord;
use crate::prediction_file::PredictionFile;

/// The resamples of intervals.
#[derive(Args, Clone, Copy)]
pub struct Resampling {
    /// Bootstrap resamples of each interval; 0: no intervals
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=MAX_RESAMPLES as u64))]
    resamples: u64,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl Resampling {
    pub fn resamples(self) -> usize {
        self.resamples as usize
    }
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// The scores of a file of predictions.
#[derive(Serialize)]
pub(crate) struct Scored {
    samples: usize,
    groups: Option<usize>,
    /// Rows without logits.
    left_out: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    scores: Vec<Score>,
    per_class: Option<Vec<ClassRow>>,
    auroc_per_output: Vec<OutputAuroc>,
    calibration: Vec<CalibrationScore>,
    /// Calibration with the model's calibrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated: Option<Vec<CalibrationScore>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operating_points: Vec<AtPoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subgroups: Vec<Subgroups>,
    /// Columns that are not scored by, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip)]
    kind: TaskKind,
}

/// An operating point, and how it does on these samples.
#[derive(Serialize)]
struct AtPoint {
    point: OperatingPoint,
    score: OperatingScore,
    /// How it does on the images of each value of a column, in the order of the subgroups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    by: BTreeMap<String, Vec<OperatingScore>>,
}

impl Scored {
    /// Scores predictions by metrics, columns, and the model's calibration and operating points.
    pub fn of(
        file: &PredictionFile,
        metrics: &[Metric],
        by: &[String],
        record: &ModelRecord,
        prevalence: Option<f64>,
        resampling: Resampling,
    ) -> anyhow::Result<Self> {
        let (resamples, seed) = (resampling.resamples(), resampling.seed);
        let predictions = &file.predictions;
        let classes = &record.classes;
        let of = |metric: &Metric| Score::new(*metric, predictions, resamples, seed);
        let calibration = |of: &Predictions| CalibrationScore::of(of, BINS, resamples, seed);
        let (mut subgroups, mut columns, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for (name, values) in by.iter().zip(&file.columns) {
            let column = Column::new(name, values);
            match Subgroups::of(metrics, predictions, &column, resamples, seed) {
                Ok(found) => {
                    subgroups.push(found);
                    columns.push(column);
                }
                Err(error) => notes.push(error.to_string()),
            }
        }
        let (mut calibrated, mut operating_points) = (None, Vec::new());
        if let Some(Decision { calibrator, points }) = &record.decision {
            if !matches!(calibrator, Calibrator::None { .. }) {
                calibrated = Some(calibration(&calibrator.apply(predictions)?));
            }
            for point in points {
                let score = OperatingScore::of(point, calibrator, predictions, prevalence, resamples, seed)?;
                let of_column = |column: &Column| {
                    let found =
                        OperatingScore::by_value(point, calibrator, predictions, column, resamples, seed)?;
                    Ok((column.name().to_owned(), found))
                };
                let by = columns.iter().map(of_column).collect::<Result<_, ff_eval::Error>>()?;
                operating_points.push(AtPoint { point: *point, score, by });
            }
        }
        Ok(Self {
            samples: predictions.len(),
            groups: predictions.group_count(),
            left_out: file.left_out,
            classes: classes.clone(),
            scores: metrics.iter().map(of).collect(),
            per_class: Confusion::of(predictions).map(|confusion| class_table(&confusion)),
            auroc_per_output: auroc_per_output(predictions),
            calibration: calibration(predictions),
            calibrated,
            operating_points,
            subgroups,
            notes,
            kind: predictions.kind(),
        })
    }

    /// Writes the scores as text.
    pub fn text(&self) -> String {
        let groups = self.groups;
        let groups =
            groups.map_or(String::new(), |groups| format!(" in {groups} groups, the units of the bootstrap"));
        let mut text = format!("{} samples{groups}\n", self.samples);
        if self.left_out > 0 {
            text += &format!("{} rows without logits are left out\n", self.left_out);
        }
        for score in &self.scores {
            let estimate = Estimate { value: score.value.clone(), interval: score.interval };
            text += &format!("{:16} {}{}\n", score.metric.name(), shown(&estimate), score.chance);
            if !score.counts.is_empty() {
                let counts: Vec<String> = score.counts.iter().map(u64::to_string).collect();
                text += &format!("{:16} {}: {}\n", "", counted(self.kind), counts.join(", "));
            }
            for note in &score.notes {
                text += &format!("{:16} ({})\n", "", note.describe(&self.classes));
            }
        }
        self.write_calibration(&mut text);
        for AtPoint { point, score, by } in &self.operating_points {
            text += &format!(
                "{} from {:.4}, as chosen by {} on {} positive and {} negative images\n",
                self.name(point.output),
                point.threshold,
                point.rule,
                point.positives,
                point.negatives
            );
            let at = score.prevalence.map_or(String::new(), |share| format!(" at prevalence {share}"));
            for (name, of) in [
                ("sensitivity", &score.sensitivity),
                ("specificity", &score.specificity),
                ("PPV", &score.ppv),
                ("NPV", &score.npv),
            ] {
                let at = if name.ends_with("PV") { at.as_str() } else { "" };
                text += &format!("  {name:14} {}{at}\n", shown(of));
            }
            for note in &score.notes {
                text += &format!("{:16} ({})\n", "", note.describe(&self.classes));
            }
            for Subgroups { column, rows, .. } in &self.subgroups {
                for (row, score) in rows.iter().zip(by.get(column).into_iter().flatten()) {
                    let (sensitivity, specificity) = (shown(&score.sensitivity), shown(&score.specificity));
                    text += &format!(
                        "  {column} {}: sensitivity {sensitivity}, specificity {specificity}\n",
                        row.value
                    );
                    for note in &score.notes {
                        text += &format!("{:16} ({})\n", "", note.describe(&self.classes));
                    }
                }
            }
        }
        self.write_subgroups(&mut text);
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text
    }

    /// Writes the scores of the subgroups by each column.
    fn write_subgroups(&self, text: &mut String) {
        for Subgroups { column, rows, .. } in &self.subgroups {
            for (at, score) in self.scores.iter().enumerate() {
                *text += &format!("{} by {column}\n", score.metric.name());
                for row in rows {
                    let SubgroupScore { score, difference } = &row.scores[at];
                    let estimate = Estimate { value: score.value.clone(), interval: score.interval };
                    let of = row.groups.map_or(String::new(), |groups| format!(" of {groups} groups"));
                    *text += &format!("  {:14} {}, {} samples{of}", row.value, shown(&estimate), row.samples);
                    if let Some(of) = difference {
                        let said = match of.shown() {
                            Shown::Higher => "higher than the others",
                            Shown::Lower => "lower than the others",
                            Shown::Neither => "no difference shown",
                        };
                        *text += &format!("; {said} ({:+.4})", of.value);
                    }
                    *text += "\n";
                    for note in &score.notes {
                        *text += &format!("{:16} ({})\n", "", note.describe(&self.classes));
                    }
                }
            }
        }
    }

    /// Writes the calibration error and the Brier score, as trained and calibrated.
    fn write_calibration(&self, text: &mut String) {
        for (at, before) in self.calibration.iter().enumerate() {
            let of = before.task.map_or(String::new(), |task| format!(" of {}", self.name(task)));
            let after = self.calibrated.as_ref().and_then(|calibrated| calibrated.get(at));
            for (name, before, after) in [
                ("ECE", &before.ece, after.map(|of| &of.ece)),
                ("Brier score", &before.brier, after.map(|of| &of.brier)),
            ] {
                let after = after.map_or(String::new(), |after| format!("; calibrated {}", shown(after)));
                *text += &format!("{name:16} {}{after}{of}\n", shown(before));
            }
        }
    }

    fn name(&self, output: usize) -> String {
        self.classes.get(output).cloned().unwrap_or_else(|| format!("output {output}"))
    }
}

/// A value with its interval, or why it is undefined.
fn shown(of: &Estimate) -> String {
    match (&of.value, &of.interval) {
        (Value::Defined(value), Some(ends)) => format!("{value:.4}  [{:.4}, {:.4}]", ends.low, ends.high),
        (Value::Defined(value), None) => format!("{value:.4}"),
        (Value::Undefined(why), _) => format!("undefined: {why}"),
    }
}

/// Says what the counts of a score count.
fn counted(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Multiclass => "samples by class",
        TaskKind::Multilabel => "positives by task",
    }
}
