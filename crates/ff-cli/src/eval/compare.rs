//! `ff-eval compare`: two models on the same images.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use ff_eval::{DeLong, Difference, Metric, OutputDifference, Shown, Value, bootstrap_difference, delong};
use serde::Serialize;

use super::scored::Resampling;
use crate::output::{print, print_json};
use crate::prediction_file::PredictionFile;

/// Two files of predictions, and the metrics to compare.
#[derive(Args)]
pub struct Compare {
    /// Predictions of the baseline, in a form that `ff-eval score` reads
    #[arg(value_name = "BASELINE")]
    baseline: PathBuf,
    /// Predictions of the other model
    #[arg(value_name = "OTHER")]
    other: PathBuf,
    /// Compare one metric instead of all that apply
    #[arg(long)]
    metric: Option<Metric>,
    #[command(flatten)]
    resampling: Resampling,
    /// Print JSON, with DeLong's test of each AUROC
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Compared {
    samples: usize,
    groups: Option<usize>,
    metrics: Vec<OfMetric>,
    delong: Vec<OutputDifference>,
}

#[derive(Serialize)]
struct OfMetric {
    metric: Metric,
    baseline: Value,
    other: Value,
    /// `None`: the metric is undefined for either.
    difference: Option<Difference>,
    /// Which is higher, if the interval shows it.
    higher: Option<&'static str>,
}

pub(super) fn compare(options: &Compare) -> anyhow::Result<()> {
    let Compare { baseline: path, other: other_path, metric, resampling, json } = options;
    let (baseline, other) = (PredictionFile::read(path, &[])?, PredictionFile::read(other_path, &[])?);
    check_images((path, &baseline), (other_path, &other))?;
    let (baseline, other) = (baseline.predictions, other.predictions);
    let kind = baseline.kind();
    let metrics: Vec<Metric> = Metric::ALL.into_iter().filter(|of| of.applies_to(kind)).collect();
    let metrics = match metric {
        Some(metric) if !metrics.contains(metric) => {
            bail!("--metric: expected one for {kind} targets, found {metric}")
        }
        Some(metric) => vec![*metric],
        None => metrics,
    };
    let unpaired = |error| anyhow!("{} and {}: {error}", path.display(), other_path.display());
    let of_metric = |metric: Metric| -> anyhow::Result<OfMetric> {
        let difference =
            bootstrap_difference(metric, &baseline, &other, resampling.resamples(), resampling.seed)
                .map_err(unpaired)?;
        let higher = match difference.as_ref().map(Difference::shown) {
            Some(Shown::Higher) => Some("other"),
            Some(Shown::Lower) => Some("baseline"),
            _ => None,
        };
        let (baseline, other) = (metric.evaluate(&baseline), metric.evaluate(&other));
        Ok(OfMetric { metric, baseline, other, difference, higher })
    };
    let metrics = metrics.into_iter().map(of_metric).collect::<anyhow::Result<Vec<_>>>()?;
    let delong = match metrics.iter().any(|of| of.metric == Metric::Auroc) {
        true => delong(&baseline, &other).map_err(unpaired)?,
        false => Vec::new(),
    };
    let groups = baseline.group_count().or(other.group_count());
    let compared = Compared { samples: baseline.len(), groups, metrics, delong };
    if *json { print_json(&compared) } else { print(&text(&compared)) }
}

/// Checks by their paths that both files are of the same images in the same order.
fn check_images(
    (path, one): (&Path, &PredictionFile),
    (other_path, other): (&Path, &PredictionFile),
) -> anyhow::Result<()> {
    let (Some(ids), Some(others)) = (&one.ids, &other.ids) else { return Ok(()) };
    let Some((id, other)) = ids.iter().zip(others).find(|(id, other)| id != other) else { return Ok(()) };
    bail!(
        "{}: expected the images of {} in the same order, found {other} where that has {id}",
        other_path.display(),
        path.display()
    )
}

fn text(compared: &Compared) -> String {
    let of = compared.groups.map_or(String::new(), |groups| format!(" in {groups} groups"));
    let mut text = format!("{} samples{of}\n{:16} baseline     other  difference\n", compared.samples, "");
    for OfMetric { metric, baseline, other, difference, higher } in &compared.metrics {
        let shown = |value: &Value| value.value().map_or("–".to_owned(), |value| format!("{value:.4}"));
        let found = match difference {
            None => baseline_reason(baseline, other),
            Some(Difference { value, interval: Some(of), .. }) => {
                let said = match higher {
                    Some(which) => format!("the {which} is higher"),
                    None => "no difference shown".to_owned(),
                };
                format!("{value:+.4}  [{:+.4}, {:+.4}]  {said}", of.low, of.high)
            }
            Some(Difference { value, .. }) => format!("{value:+.4}"),
        };
        text += &format!("{:16} {:>8}  {:>8}  {found}\n", metric.name(), shown(baseline), shown(other));
    }
    for OutputDifference { output, outcome } in &compared.delong {
        if let DeLong::Defined(of) = outcome {
            let (low, high) = of.interval;
            let p = of.p.map_or(String::new(), |p| format!(", p = {p:.3}"));
            text += &format!("DeLong, output {output}: {:+.4}  [{low:+.4}, {high:+.4}]{p}\n", of.difference);
        }
    }
    text
}

/// Says why a metric is undefined for either model.
fn baseline_reason(baseline: &Value, other: &Value) -> String {
    let why = [baseline, other].into_iter().find_map(|value| match value {
        Value::Undefined(why) => Some(why.clone()),
        Value::Defined(_) => None,
    });
    why.map_or("undefined".to_owned(), |why| format!("undefined: {why}"))
}
