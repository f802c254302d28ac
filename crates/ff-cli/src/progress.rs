//! Progress of a grid: a bar on a terminal, plain lines without one.

use std::collections::HashSet;
use std::sync::Mutex;

use ff_eval::{Shown, Value};
use ff_grid::{Event, Job, JobId, JobOutput, Owner, Plan, Record, RunStore, VerdictRecord};
use ff_train::EpochRecord;
use indicatif::ProgressBar;

use crate::bar::progress_bar;
use crate::output::say;

/// Shows the events of a grid.
pub struct GridProgress {
    bar: ProgressBar,
    count: Mutex<usize>,
    in_other_processes: Mutex<HashSet<JobId>>,
    total: usize,
}

impl GridProgress {
    /// Creates the bar for the jobs of a plan that have no record yet.
    ///
    /// The bar counts images; a training image counts as about three evaluated ones.
    pub fn new(plan: &Plan, runs: &RunStore) -> Self {
        let open = |job: &&Job| job.blocked.is_none() && !matches!(runs.record(job), Ok(Some(_)));
        let todo: Vec<u64> = plan.jobs.iter().filter(open).map(|job| job.cost.weight()).collect();
        let (total, images) = (todo.len(), todo.iter().sum());
        let bar =
            progress_bar(Some(images), "{bar:30} {percent:>3}% {elapsed} elapsed, {eta} left  {wide_msg}");
        Self { bar, count: Mutex::new(0), in_other_processes: Mutex::default(), total }
    }

    /// Shows an event.
    pub fn event(&self, event: Event<'_>) {
        match event {
            Event::Started(job) => self.bar.set_message(job.label.clone()),
            Event::Epoch(job, _) => self.bar.inc(job.cost.weight() / job.cost.epochs.max(1)),
            Event::Finished(job, record) => {
                if job.cost.epochs == 0 {
                    self.bar.inc(job.cost.weight());
                }
                self.line(&format!("{} ({:.1} s){}", job.label, record.seconds, outcome(record)));
            }
            Event::Failed(job, why) => self.line(&format!("{}: FAILED: {why}", job.label)),
            Event::Elsewhere(job, owner) => self.wait(job, owner),
            Event::Submitted(tasks, name, number) => {
                self.tell(format!("submitted {name}: {tasks} tasks, job {number}"));
            }
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Reports, once for each job, that another process is running it.
    fn wait(&self, job: &Job, owner: Option<&Owner>) {
        if self.in_other_processes.lock().expect("a set").insert(job.id.clone()) {
            let owner = owner.map_or("another process".to_owned(), Owner::to_string);
            self.tell(format!("{}: already running in {owner}", job.label));
        }
    }

    fn line(&self, text: &str) {
        let mut count = self.count.lock().expect("a counter");
        *count += 1;
        self.tell(format!("[{}/{}] {text}", count, self.total));
    }

    fn tell(&self, text: String) {
        if self.bar.is_hidden() { say(&text) } else { self.bar.set_message(text) }
    }
}

/// Formats an epoch's images per second, and the share of time spent on loading if it is above 5 %.
pub fn speed(epoch: &EpochRecord) -> String {
    let waited = match epoch.data_share() {
        share if share < 0.05 => String::new(),
        share => format!(", {:.0} % of the time waiting for images", 100.0 * share),
    };
    format!("{:.0} images/s{waited}", epoch.images_per_second())
}

/// Formats a metric with four digits.
pub fn shown(value: &Value) -> String {
    value.value().map_or("undefined".to_owned(), |value| format!("{value:.4}"))
}

/// Formats a job's result in a few words, to follow the job's label.
pub fn outcome(record: &Record) -> String {
    match &record.output {
        JobOutput::Training(outcome) => {
            let diverged = outcome.diverged.as_ref().map(|at| format!(": diverged at step {}", at.step));
            let kept = outcome.kept.as_ref();
            let kept = kept.map(|kept| {
                let epoch = if kept.epoch > 0 { format!(", epoch {}", kept.epoch) } else { String::new() };
                format!(": {} on validation{}{epoch}", shown(&kept.validation), kept.chance)
            });
            let snapshots = outcome.snapshots.len();
            let snapshots = (snapshots > 0).then(|| format!(": {snapshots} snapshots"));
            [diverged, kept.or(snapshots)].into_iter().flatten().collect()
        }
        JobOutput::Soup(soup) => {
            let taken = soup.soup.average.shares().len();
            let fitted = soup.cross_fitted.as_ref().filter(|of| of.folds > 0).and(soup.cross_fitted());
            let fitted = fitted.map_or(String::new(), |score| format!(" ({score:.4} cross-fitted)"));
            let (score, chance) = (soup.validation(), soup.chance);
            format!(": {score:.4} on validation{chance}{fitted}, {taken} of {} models", soup.candidates)
        }
        JobOutput::Predictions { samples, .. } => format!(": {samples} images"),
        JobOutput::Diverged { .. } => ": skipped, since its run diverged".to_owned(),
        JobOutput::Score(score) => format!(": {}{}", shown(&score.value), score.chance),
        JobOutput::Verdict(VerdictRecord::None { why }) => format!(": none: {why}"),
        JobOutput::Verdict(VerdictRecord::Said { same: true, .. }) => ": take the single model".to_owned(),
        JobOutput::Verdict(VerdictRecord::Said { of, .. }) => match of.shown() {
            Shown::Higher => ": take a soup".to_owned(),
            Shown::Lower => ": take the single model".to_owned(),
            Shown::Neither => format!(": cannot be told apart on {} images", of.samples),
        },
        JobOutput::Plane(_) | JobOutput::PlaneRow(_) => String::new(),
        JobOutput::Surface(surface) => {
            let minima = surface.roughness.local_minima;
            format!(": {minima} local minim{}", if minima == 1 { "um" } else { "a" })
        }
        JobOutput::Path(path) => format!(": barrier {:.4}", path.barrier),
        JobOutput::GreedyBarriers(greedy_barriers) => format!(": {} candidates", greedy_barriers.len()),
        JobOutput::Forecast(forecast) => {
            let others = || forecast.models.iter().filter(|of| of.model != forecast.best);
            let worth = others().filter(|of| forecast.is_worth_trying(of)).count();
            let found = others().count();
            let elsewhere = match forecast.other_starts().count() {
                0 => String::new(),
                other => format!("; {other} of another start"),
            };
            format!(": {worth} of {found} models are worth trying with {}{elsewhere}", forecast.best)
        }
    }
}
