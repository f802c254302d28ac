//! The commands of `ff-eval`: metrics of predictions.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use ff_eval::{Confusion, MAX_RESAMPLES, Metric, Score, TaskKind, auroc_per_output, class_table};
use serde_json::json;

use crate::prediction_file::read_predictions;

/// Compute classification metrics with 95 % bootstrap confidence intervals.
#[derive(Subcommand)]
pub enum Command {
    /// Print the metrics of a file of predictions
    #[command(after_help = "Examples:
  ff-eval score --predictions runs/finetune/kept.val.safetensors --task multiclass
  ff-eval score --predictions test.safetensors --task multilabel --metric auroc --json")]
    Score(ScoreOptions),
}

impl Command {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Any error of the command, with a text for the user.
    pub fn run(self) -> anyhow::Result<()> {
        let Self::Score(options) = self;
        score(&options)
    }
}

/// The kind of targets.
#[derive(Clone, Copy, ValueEnum)]
pub enum TargetKind {
    /// One class for each image
    Multiclass,
    /// Independent labels, some of them unknown
    Multilabel,
}

/// Predictions, and the metrics to compute.
#[derive(Args)]
pub struct ScoreOptions {
    /// Predictions: safetensors with the tensors `logits` and `targets`, or CSV
    ///
    /// `logits` is f32 [N, C]. `targets` is i64 [N] for multiclass, f32 [N, C] for multilabel, with
    /// NaN for unknown labels. A line of CSV has the columns logit_0, logit_1, … and target, the class
    /// from 0; or for multilabel target_0, target_1, …: 1, 0, or empty if unknown. Samples with the
    /// same text in a column `group` are of one patient.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Kind of the targets
    #[arg(long, value_enum)]
    task: TargetKind,
    /// Compute one metric instead of all that apply
    ///
    /// One of accuracy, macro-f1, macro-recall, auroc, quadratic-kappa, log-loss.
    #[arg(long)]
    metric: Option<Metric>,
    /// Bootstrap resamples of each interval; 0: no intervals
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=MAX_RESAMPLES as u64))]
    resamples: u64,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON, with values for each class
    #[arg(long)]
    json: bool,
}

fn score(options: &ScoreOptions) -> anyhow::Result<()> {
    let &ScoreOptions { predictions: ref path, task, metric, resamples, seed, json: as_json } = options;
    let predictions = read_predictions(path)?;
    let (expected, found) = (
        match task {
            TargetKind::Multiclass => TaskKind::Multiclass,
            TargetKind::Multilabel => TaskKind::Multilabel,
        },
        predictions.kind(),
    );
    if expected != found {
        bail!("{}: expected {} targets, found {}", path.display(), expected.name(), found.name());
    }
    let metrics: Vec<Metric> = match metric {
        Some(metric) if !metric.applies_to(found) => {
            bail!(
                "{}: {metric} does not apply to {} targets\nhint: leave out --metric for all metrics that do",
                path.display(),
                found.name()
            )
        }
        Some(metric) => vec![metric],
        None => Metric::ALL.into_iter().filter(|metric| metric.applies_to(found)).collect(),
    };
    let of = |metric| Score::new(metric, &predictions, resamples as usize, seed);
    let scores: Vec<Score> = metrics.into_iter().map(of).collect();
    if as_json {
        return crate::output::print_json(&json!({
            "samples": predictions.len(),
            "groups": predictions.group_count(),
            "scores": scores,
            "per_class": Confusion::of(&predictions).map(|confusion| class_table(&confusion)),
            "auroc_per_output": auroc_per_output(&predictions),
        }));
    }
    let groups = predictions.group_count();
    let groups =
        groups.map_or(String::new(), |groups| format!(" in {groups} groups, the units of the bootstrap"));
    let mut text = format!("{} samples{groups}\n", predictions.len());
    for score in scores {
        let value = match (&score.value, &score.interval) {
            (ff_eval::Value::Defined(value), Some(i)) => format!("{value:.4}  [{:.4}, {:.4}]", i.low, i.high),
            (ff_eval::Value::Defined(value), None) => format!("{value:.4}"),
            (ff_eval::Value::Undefined(why), _) => format!("undefined: {why}"),
        };
        text += &format!("{:16} {value}\n", score.metric.name());
        if !score.counts.is_empty() {
            let counts: Vec<String> = score.counts.iter().map(u64::to_string).collect();
            text += &format!("{:16} {}: {}\n", "", counted(found), counts.join(", "));
        }
        for note in &score.notes {
            text += &format!("{:16} ({note})\n", "");
        }
    }
    crate::output::print(&text)
}

/// Says what the counts of a score count.
fn counted(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Multiclass => "samples by class",
        TaskKind::Multilabel => "positives by task",
    }
}
