//! `ff-grid forecast`: the wall time of a table.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use ff_grid::{Speed, forecast, longest_chain};
use ff_models::Architecture;

use super::options::{TableOptions, prepare};
use crate::watch::spoken;

/// A table, the numbers of workers, and their speed.
#[derive(Args)]
pub struct ForecastOptions {
    #[command(flatten)]
    table: TableOptions,
    /// Numbers of workers, separated by commas; each worker runs one job at a time
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,8,64")]
    workers: Vec<usize>,
    /// Training images per second of a worker, as 400 or resnet50=400
    ///
    /// The number replaces the speed measured on finished jobs: for all backbones, or for the named
    /// one. May be repeated.
    #[arg(long, value_name = "[ARCH=]NUMBER")]
    images_per_second: Vec<Rate>,
}

/// A speed in images per second, of one architecture or of all: `resnet50=400` or `400`.
#[derive(Clone, Copy)]
struct Rate(Option<Architecture>, f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (architecture, number) = match text.split_once('=') {
            Some((name, number)) => {
                (Some(name.parse::<Architecture>().map_err(|error| error.to_string())?), number)
            }
            None => (None, text),
        };
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && number.is_finite() => Ok(Self(architecture, number)),
            _ => Err(format!("expected a number above 0, found `{number}`")),
        }
    }
}

/// Prints the wall time of the whole table on each number of workers.
pub fn print(options: &ForecastOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(&options.table, &crate::hub::find_cached)?;
    let measured = Speed::measured(&plan.jobs, &runs.finished(&plan.jobs)?);
    let speed = options.images_per_second.iter().fold(measured, |speed, rate| speed.with(rate.0, rate.1));
    let mut seconds = BTreeMap::new();
    for job in plan.jobs.iter() {
        let Some(takes) = speed.seconds(job) else {
            bail!(
                "{}: expected finished jobs to estimate its time from, found none in {}\n\
                 hint: give the speed of a worker, such as --images-per-second 400",
                job.label,
                runs.root().display()
            );
        };
        seconds.insert(job.id.as_str(), takes);
    }
    let chain = longest_chain(&plan.jobs, &seconds);
    let work: f64 = seconds.values().sum();
    let of: Vec<_> =
        options.workers.iter().map(|&workers| forecast(&plan.jobs, &seconds, workers.max(1))).collect();
    if options.table.json {
        return crate::output::print_json(
            &serde_json::json!({"jobs": plan.jobs.len(), "work_seconds": work, "longest_chain": chain, "workers": of}),
        );
    }
    let mut text = format!(
        "{} jobs, {} of work\n\n{:>7}  {:>10}  {:>8}  {:>5}\n",
        plan.jobs.len(),
        spoken(work),
        "workers",
        "wall time",
        "speed-up",
        "busy"
    );
    for row in of {
        let speed_up = if row.seconds > 0.0 { work / row.seconds } else { 1.0 };
        text += &format!(
            "{:>7}  {:>10}  {speed_up:>8.1}  {:>4.0}%\n",
            row.workers,
            spoken(row.seconds),
            100.0 * row.busy
        );
    }
    text +=
        &format!("\nlower bound for any number of workers: {}, the longest chain\n", spoken(chain.seconds));
    for id in &chain.jobs {
        let label = plan.job(id).map_or(id.as_str(), |job| &job.label);
        text += &format!("  {:>10}  {label}\n", spoken(seconds[id.as_str()]));
    }
    crate::output::print(&text)
}
