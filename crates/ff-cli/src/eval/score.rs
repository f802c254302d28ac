//! `ff-eval score`: the metrics of a file of predictions.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use ff_eval::{Metric, TaskKind};

use super::decision::ModelRecord;
use super::scored::{Resampling, Scored};
use crate::options::trimmed;
use crate::output::{print, print_json};
use crate::prediction_file::PredictionFile;

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
    /// same text in a column `group` are of one patient. A line with a text in a column `error` is
    /// left out.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Kind of the targets that is expected
    #[arg(long, value_enum)]
    task: Option<TargetKind>,
    /// Compute one metric instead of all that apply
    ///
    /// One of accuracy, macro-f1, macro-recall, auroc, quadratic-kappa, log-loss.
    #[arg(long)]
    metric: Option<Metric>,
    /// The model: its calibration and operating points are scored, and its classes named
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Prevalence that PPV and NPV assume; without it, that of the images
    #[arg(long, value_name = "SHARE", requires = "model", value_parser = share)]
    prevalence: Option<f64>,
    /// Columns of the CSV to score by, such as sex,age
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = trimmed)]
    by: Vec<String>,
    #[command(flatten)]
    resampling: Resampling,
    /// Print JSON, with values for each class
    #[arg(long)]
    json: bool,
}

pub(super) fn score(options: &ScoreOptions) -> anyhow::Result<()> {
    let &ScoreOptions { predictions: ref path, task, metric, resampling, json, .. } = options;
    let file = PredictionFile::read(path, &options.by)?;
    let found = file.predictions.kind();
    if let Some(task) = task {
        let expected = match task {
            TargetKind::Multiclass => TaskKind::Multiclass,
            TargetKind::Multilabel => TaskKind::Multilabel,
        };
        if expected != found {
            bail!("{}: expected {expected} targets, found {found}", path.display());
        }
    }
    let metrics: Vec<Metric> = match metric {
        Some(metric) if !metric.applies_to(found) => bail!(
            "{}: {metric} does not apply to {found} targets\nhint: leave out --metric for all metrics that do",
            path.display(),
        ),
        Some(metric) => vec![metric],
        None => Metric::ALL.into_iter().filter(|metric| metric.applies_to(found)).collect(),
    };
    let record = options.model.as_deref().map(ModelRecord::of).transpose()?.unwrap_or_default();
    if let Some(digest) = &record.digest {
        file.check_model(path, digest, &record.classes)?;
    }
    if options.prevalence.is_some()
        && record.decision.as_ref().is_none_or(|decision| decision.points.is_empty())
    {
        bail!(
            "--prevalence: expected a model with a threshold, found none\nhint: ff-models calibrate chooses one"
        );
    }
    let scored = Scored::of(&file, &metrics, &options.by, &record, options.prevalence, resampling)
        .map_err(|error| error.context(path.display().to_string()))?;
    if json { print_json(&scored) } else { print(&scored.text()) }
}

/// Parses a share above 0 and below 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| format!("expected a number above 0 and below 1, found `{text}`"))
}
