//! `ff-eval gains`: what methods gain over a baseline, over datasets, networks and seeds.

mod cells;
mod figure;
mod lines;
mod quantity;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use ff_eval::{Difference, MAX_RESAMPLES, Replicates};
use serde::Serialize;

use self::cells::{Cells, Of};
use self::quantity::Quantity;
use super::score::share;
use crate::output::{print, print_json};

/// Lists of predictions, and what to compare.
#[derive(Args)]
pub struct Gains {
    /// Lists that `ff-grid run` writes (`predictions.csv`), or files that `--keep` wrote; a list
    /// without seeds in it is a seed
    #[arg(value_name = "CSV", required = true)]
    lists: Vec<PathBuf>,
    /// Method that the others are compared with
    #[arg(long, value_name = "METHOD")]
    baseline: String,
    /// Metric to compare besides each dataset's own, or `calibration`: minus the expected calibration
    /// error; may be repeated
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<Quantity>,
    /// Method to compare, besides the baseline; may be repeated [default: all]
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,
    /// Show a dataset, but leave it out of the means; may be repeated
    #[arg(long, value_name = "DATASET")]
    except: Vec<String>,
    /// Resamples of each interval
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(..=MAX_RESAMPLES as u64))]
    resamples: u64,
    /// Resamples of the images of each dataset, of which every interval draws
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(..=MAX_RESAMPLES as u64))]
    image_resamples: u64,
    /// Fraction of the resamples inside an interval
    #[arg(long, default_value_t = 0.95, value_parser = share)]
    level: f64,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File to keep the scores of all models on all resamples in, to compare without predictions
    #[arg(long, value_name = "CSV.GZ")]
    keep: Option<PathBuf>,
    /// File to draw the gains in, as an SVG picture
    #[arg(long, value_name = "SVG")]
    figure: Option<PathBuf>,
    /// Print JSON, with the gain of each dataset and network
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Compared {
    baseline: String,
    gains: Vec<Gain>,
}

/// What a method gains in one metric, on test images or on those of other sources.
#[derive(Serialize)]
struct Gain {
    method: String,
    /// `None`: the mean over networks.
    network: Option<String>,
    /// `test` or `shifted`.
    on: &'static str,
    /// `None`: each dataset's own.
    metric: Option<Quantity>,
    /// The mean over datasets; `None` if it is undefined in one of them.
    mean: Option<Difference>,
    datasets: Vec<OfDataset>,
}

/// What a method gains on one dataset.
#[derive(Serialize)]
struct OfDataset {
    dataset: String,
    /// Whether it is part of the mean.
    counted: bool,
    seeds: usize,
    /// The mean score over seeds, of the baseline and of the method.
    baseline: f64,
    value: f64,
    gain: Option<Difference>,
}

pub(super) fn gains(options: &Gains) -> anyhow::Result<()> {
    options.keep.as_deref().map_or(Ok(()), lines::check_name)?;
    let resampling = (options.image_resamples as usize, options.seed);
    let mut cells = Cells::read(&options.lists, &options.baseline, resampling)?;
    let known = cells.methods();
    if let Some(unknown) = options.methods.iter().find(|method| !known.contains(method)) {
        bail!("--method: expected one of {}, found {unknown}", known.join(", "));
    }
    let wanted = |method: &String| {
        options.methods.is_empty() || options.methods.contains(method) || *method == options.baseline
    };
    let methods: Vec<String> = known.into_iter().filter(wanted).collect();
    let mut gains = Vec::new();
    let metrics: Vec<_> = [None].into_iter().chain(options.metrics.iter().copied().map(Some)).collect();
    let networks: Vec<_> = [None].into_iter().chain(cells.networks().into_iter().map(Some)).collect();
    for on in ["test", "shifted"] {
        for &metric in &metrics {
            for method in &methods {
                for network in &networks {
                    let of = Of { method, network: network.as_deref(), on, quantity: metric };
                    gains.extend(gain(options, &mut cells, of)?);
                }
            }
        }
    }
    if let Some(path) = &options.keep {
        lines::keep(path, &cells.all(&metrics)?)?;
    }
    let compared = Compared { baseline: options.baseline.clone(), gains };
    if let Some(path) = &options.figure {
        let svg = figure::of(&compared).to_svg()?;
        ff_checkpoint::write_atomic(path, |file| std::io::Write::write_all(file, svg.as_bytes()))?;
    }
    if options.json { print_json(&compared) } else { print(&text::of(&compared)) }
}

/// Compares a method with the baseline; `None` if no dataset has both.
fn gain(options: &Gains, cells: &mut Cells, of: Of<'_>) -> anyhow::Result<Option<Gain>> {
    // By name, so that the order of the lists does not change what is drawn.
    let mut sets: BTreeMap<String, Vec<Replicates>> = BTreeMap::new();
    let mut datasets = Vec::new();
    let over = |sets: &[Vec<Replicates>]| {
        Replicates::over_sets(sets, options.level, options.resamples as usize, options.seed)
    };
    for dataset in cells.datasets() {
        let seeds = cells.of_seeds(&dataset, of, &options.baseline)?;
        if seeds.is_empty() {
            continue;
        }
        let mean = |value: fn(&(Replicates, Replicates)) -> f64| {
            seeds.iter().map(value).sum::<f64>() / seeds.len() as f64
        };
        let (baseline, value) = (mean(|(baseline, _)| baseline.value), mean(|(_, value)| value.value));
        let differences: Vec<_> = seeds.iter().map(|(baseline, value)| value.minus(baseline)).collect();
        let gain = over(std::slice::from_ref(&differences));
        let counted = !options.except.contains(&dataset);
        let (name, count) = (dataset.clone(), seeds.len());
        datasets.push(OfDataset { dataset: name, counted, seeds: count, baseline, value, gain });
        if counted {
            sets.insert(dataset, differences);
        }
    }
    if datasets.is_empty() {
        return Ok(None);
    }
    let mean = over(&sets.into_values().collect::<Vec<_>>());
    let (method, network) = (of.method.to_owned(), of.network.map(str::to_owned));
    Ok(Some(Gain { method, network, on: of.on, metric: of.quantity, mean, datasets }))
}
