//! Scores predictions.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};
use ff_cli::Common;
use ff_eval::{Confusion, MAX_RESAMPLES, Metric, Score, TaskKind, auroc_per_output, class_table};
use ff_train::load_predictions;
use serde_json::json;

/// Logits and targets in, metrics with 95 % intervals out.
#[derive(Parser)]
#[command(name = "ff-eval", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Print every metric that applies
    Score {
        /// safetensors: "logits" f32 [N, C]; "targets" i64 [N] (multiclass) or f32 [N, C] with NaN for
        /// unknown (multilabel)
        #[arg(long)]
        predictions: PathBuf,
        /// What the targets are
        #[arg(long, value_enum)]
        task: TargetKind,
        /// One metric instead of all: accuracy, macro-f1, macro-recall, auroc, quadratic-kappa
        #[arg(long)]
        metric: Option<Metric>,
        /// Bootstrap resamples of the interval; 0 for none
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=MAX_RESAMPLES as u64))]
        resamples: u64,
        /// Seed of the bootstrap
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Print JSON, with per-class figures
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum TargetKind {
    /// One class for each sample
    Multiclass,
    /// Independent labels, some unknown
    Multilabel,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    ff_cli::main(&cli.common, || match cli.command {
        Command::Score { predictions, task, metric, resamples, seed, json } => {
            score(&predictions, task, metric, resamples as usize, seed, json)
        }
    })
}

fn score(
    path: &std::path::Path,
    task: TargetKind,
    metric: Option<Metric>,
    resamples: usize,
    seed: u64,
    as_json: bool,
) -> anyhow::Result<()> {
    let predictions = load_predictions(path)?;
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
            bail!("{metric} does not apply to {} targets", found.name())
        }
        Some(metric) => vec![metric],
        None => Metric::ALL.into_iter().filter(|metric| metric.applies_to(found)).collect(),
    };
    let scores: Vec<Score> =
        metrics.into_iter().map(|metric| Score::new(metric, &predictions, resamples, seed)).collect();
    if as_json {
        return ff_cli::print_json(&json!({
            "samples": predictions.len(),
            "groups": predictions.group_count(),
            "scores": scores,
            "per_class": Confusion::of(&predictions).map(|confusion| class_table(&confusion)),
            "auroc_per_output": auroc_per_output(&predictions),
        }));
    }
    let groups = predictions.group_count();
    let groups =
        groups.map_or(String::new(), |groups| format!(" in {groups} groups, which intervals resample"));
    let mut text = format!("{} samples{groups}\n", predictions.len());
    for score in scores {
        let value = match (&score.value, &score.interval) {
            (ff_eval::Value::Defined(value), Some(i)) => format!("{value:.4}  [{:.4}, {:.4}]", i.low, i.high),
            (ff_eval::Value::Defined(value), None) => format!("{value:.4}"),
            (ff_eval::Value::Undefined(why), _) => format!("undefined: {why}"),
        };
        text += &format!("{:16} {value}\n", score.metric.name());
        for note in &score.notes {
            text += &format!("{:16} ({note})\n", "");
        }
    }
    ff_cli::print(&text)
}
