//! The wall time of the jobs of a table that are not done.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use ff_grid::{Chain, Forecast, Job, JobSpec, Plan, Speed, forecast, longest_chain, networks};
use ff_models::Architecture;
use itertools::Itertools;
use serde::Serialize;

use super::price::{Priced, price};
use super::run::workers_of;
use super::words::counted;
use crate::device::DeviceChoice;
use crate::options::GLOBAL;
use crate::watch::spoken;

/// The numbers of workers, and their speed.
#[derive(Args)]
pub struct TimeOptions {
    /// Numbers of workers to estimate the time for [default: 1 and this machine's]
    ///
    /// Separated by commas; each worker runs one job at a time.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    workers: Vec<usize>,
    /// Training images per second of a worker, as 400 or resnet50=400; may be repeated
    ///
    /// The number replaces the speed of finished jobs and --price: for all networks, or for the named
    /// one.
    #[arg(long, value_name = "[ARCH=]NUMBER")]
    images_per_second: Vec<Rate>,
    /// Measure the speed of the table's networks on this machine, in about 20 seconds
    ///
    /// Training steps and evaluations of random images with the table's image size, precision and
    /// batch size (on the CPU at most 8 images a step). Loading and augmenting images is not part of
    /// it.
    #[arg(long)]
    price: bool,
    /// Device to measure with --price: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
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

/// The time that the jobs take which are not done.
#[derive(Serialize)]
pub struct Time {
    /// The work of all these jobs, one after the other.
    work_seconds: f64,
    /// The jobs that no number of workers shortens.
    longest_chain: Chain,
    /// The wall time on numbers of workers.
    workers: Vec<Forecast>,
    /// The number of workers that this machine would use.
    this_machine: usize,
    /// The networks that were measured.
    priced: Vec<Priced>,
    /// Where the speed is from.
    from: String,
    /// The number of jobs whose images are unknown, which count as no work.
    unknown_jobs: usize,
}

impl TimeOptions {
    /// Estimates the time of the jobs that are not done; `None` if the speed of a job is unknown.
    ///
    /// # Errors
    /// A device that cannot be used, or whose memory does not hold a batch.
    pub fn estimate(&self, plan: &Plan, done: &BTreeMap<&str, f64>) -> anyhow::Result<Option<Time>> {
        let todo = || plan.jobs.iter().filter(|job| !done.contains_key(job.id.as_str()));
        let mut speed = Speed::measured(&plan.jobs, done);
        let mut priced = Vec::new();
        if self.price {
            (speed, priced) = price(plan, &networks(todo()), self.device.find()?, speed)?;
        }
        for Rate(architecture, rate) in &self.images_per_second {
            speed = speed.with(*architecture, *rate);
        }
        let known: Option<BTreeMap<&str, f64>> =
            todo().map(|job| Some((job.id.as_str(), speed.seconds(job)?))).collect();
        let Some(seconds) = known.filter(|_| !speed.is_empty()) else { return Ok(None) };
        let this_machine = workers_of(plan, &DeviceChoice::find_all(&[self.device])?);
        let numbers = match self.workers.as_slice() {
            [] => vec![1, this_machine],
            numbers => numbers.to_vec(),
        };
        let from = match (self.images_per_second.as_slice(), &priced[..]) {
            ([], []) => format!("from {}", counted(done.len() as u64, "finished job")),
            ([], _) => "measured with random images on this machine, without loading them".to_owned(),
            _ => "by --images-per-second".to_owned(),
        };
        Ok(Some(Time {
            work_seconds: seconds.values().sum(),
            longest_chain: longest_chain(&plan.jobs, &seconds),
            workers: numbers.into_iter().unique().map(|of| forecast(&plan.jobs, &seconds, of)).collect(),
            this_machine,
            priced,
            from,
            unknown_jobs: todo().filter(|job| is_unknown(job)).count(),
        }))
    }
}

/// Returns whether a job's images are unknown, since its data is missing.
pub fn is_unknown(job: &Job) -> bool {
    job.blocked.is_some() && job.cost.evaluated_images == 0 && job.cost.evaluations > 0
}

impl Time {
    /// Formats the times on numbers of workers, and the lower bound.
    pub fn text(&self, plan: &Plan) -> String {
        let mut text = format!("time: {} of work, {}\n", spoken(self.work_seconds), self.from);
        for priced in &self.priced {
            text += &format!("  {}\n", priced.line());
        }
        text += &format!("  {:>7}  {:>10}  {:>8}  {:>5}\n", "workers", "wall time", "speed-up", "busy");
        for Forecast { workers, seconds, busy } in &self.workers {
            let speed_up = if *seconds > 0.0 { self.work_seconds / seconds } else { 1.0 };
            let here = if *workers == self.this_machine { "  this machine" } else { "" };
            let (wall, busy) = (spoken(*seconds), 100.0 * busy);
            text += &format!("  {workers:>7}  {wall:>10}  {speed_up:>8.1}  {busy:>4.0}%{here}\n");
        }
        let kinds = self.longest_chain.jobs.iter().filter_map(|id| plan.job(id));
        let kinds = kinds.map(|job| job.spec.kind()).dedup().join(", ");
        let least = spoken(self.longest_chain.seconds);
        if !kinds.is_empty() {
            text += &format!("  at least {least} on any number of workers: a chain of {kinds}\n");
        }
        if self.unknown_jobs > 0 {
            let jobs = counted(self.unknown_jobs as u64, "job");
            text += &format!("  without {jobs} of unknown size, whose data is missing\n");
        }
        text
    }

    /// Formats the jobs of the longest chain.
    pub fn chain_text(&self, plan: &Plan) -> String {
        let label = |id: &str| plan.job(id).map_or(id.to_owned(), |job| job.label.clone());
        let jobs = self.longest_chain.jobs.iter().map(|id| format!("  {}\n", label(id)));
        format!("\nlongest chain, {}:\n{}", spoken(self.longest_chain.seconds), jobs.collect::<String>())
    }
}

/// What to do to learn the time.
pub const UNKNOWN: &str = "time: unknown; --price measures this machine in about 20 seconds, \
    --images-per-second 400 states a speed\n";

/// Returns whether a kind of job has no images of its own.
pub fn is_without_images(spec: &JobSpec) -> bool {
    matches!(
        spec,
        JobSpec::Evaluate { .. } | JobSpec::Verdict { .. } | JobSpec::Plane(_) | JobSpec::Surface(_)
    )
}
