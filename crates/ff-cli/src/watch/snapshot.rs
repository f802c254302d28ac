//! The state of a table, read from its runs folder and from the queues of its engines.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use ff_grid::{Job, JobState, Plan, Progress, RunStore, owner_of, time_left};
use ff_train::EpochRecord;
use itertools::Itertools;
use serde::Serialize;

use super::known::Known;
use super::open::OpenJob;

/// Number of finished jobs that a snapshot lists.
const LAST_FINISHED: usize = 100;

/// The state of a table.
#[derive(Debug, Default, Serialize)]
pub struct Snapshot {
    /// The table's name.
    pub table: String,
    /// Number of finished jobs.
    pub done: usize,
    /// Number of jobs of the plan that can run.
    pub jobs: usize,
    /// Number of jobs whose data or weights are missing.
    pub missing: usize,
    /// Finished share of all images to train on or evaluate; training images count three times.
    pub share: f64,
    /// Estimated seconds until the rest is done; `None` if no process is running or no speed is
    /// known yet.
    pub left_seconds: Option<f64>,
    /// Images per second of all training jobs together.
    pub images_per_second: f64,
    /// True if jobs are left, but no process runs them and no queue has them.
    pub idle: bool,
    /// The running jobs. Each list of jobs is in the plan's order.
    pub running: Vec<OpenJob>,
    /// The jobs whose task ended without a result.
    pub failed: Vec<OpenJob>,
    /// The jobs that were started, and that no process runs now.
    pub stopped: Vec<OpenJob>,
    /// The jobs that were not started, also those in a queue.
    pub waiting: Vec<OpenJob>,
    /// The best model of each column so far, by validation score.
    pub best: Vec<Best>,
    /// The column of all jobs, if the table has only one.
    #[serde(skip)]
    pub only_column: Option<String>,
    /// The jobs that finished last, the latest first.
    pub finished: Vec<Finished>,
}

/// The best model of a column so far.
#[derive(Debug, Serialize)]
pub struct Best {
    /// The column.
    pub column: String,
    /// The label of the model's job.
    pub label: String,
    /// The model's validation score.
    pub score: f64,
}

/// A finished job.
#[derive(Debug, Serialize)]
pub struct Finished {
    /// The job's label.
    pub label: String,
    /// Seconds since it finished.
    pub seconds_ago: f64,
    /// Its validation or test score, if it has one.
    pub score: Option<f64>,
}

impl Snapshot {
    /// Reads the state of a plan's jobs.
    pub fn take(plan: &Plan, runs: &RunStore, known: &mut Known) -> Self {
        let jobs: Vec<&Job> = plan.jobs.iter().filter(|job| job.blocked.is_none()).collect();
        known.read(&jobs, runs);
        let undone: Vec<&Job> = jobs.iter().copied().filter(|job| known.done(job).is_none()).collect();
        let mut shot = Self {
            table: plan.name().to_owned(),
            done: jobs.len() - undone.len(),
            jobs: jobs.len(),
            missing: plan.jobs.len() - jobs.len(),
            only_column: plan.jobs.iter().map(column).all_equal_value().ok().map(str::to_owned),
            ..Self::default()
        };
        let queue = &known.queue(plan, runs).jobs;
        let ids: HashSet<&str> = undone.iter().map(|job| job.id.as_str()).collect();
        for &job in &undone {
            shot.add(job, runs, queue.get(&job.id), needs(plan, job, &ids));
        }
        let in_queue =
            |job: &&Job| queue.get(&job.id).is_some_and(|state| !matches!(state, JobState::Failed(_)));
        let active = !shot.running.is_empty() || undone.iter().any(in_queue);
        shot.idle = known.is_idle(active) && !undone.is_empty();
        shot.images_per_second = shot.running.iter().filter_map(OpenJob::speed).sum();
        shot.estimate(plan, &jobs, known);
        shot.list_finished(&jobs, known);
        shot
    }

    /// Returns true if every job that can run is done.
    pub fn is_finished(&self) -> bool {
        self.done == self.jobs
    }

    /// Adds a job that is not done to the list of its state.
    fn add(&mut self, job: &Job, runs: &RunStore, queued: Option<&JobState>, needs: Option<String>) {
        let folder = runs.folder(job);
        let owner = owner_of(&folder);
        let runs_now = owner.as_ref().is_some_and(|owner| !owner.has_ended());
        let open = OpenJob {
            id: job.id.clone(),
            label: job.label.clone(),
            owner: owner.as_ref().map(ToString::to_string),
            device: owner.map(|owner| owner.device),
            why: None,
            epochs: job.cost.epochs,
            history: EpochRecord::written_in(&folder),
        };
        let because = |why: &str, open| OpenJob { why: Some(why.to_owned()), ..open };
        match queued {
            _ if runs_now => self.running.push(open),
            Some(JobState::Failed(failure)) => self.failed.push(because(&failure.why, open)),
            Some(JobState::Queued { why, .. }) => self.waiting.push(because(&format!("queue: {why}"), open)),
            // The task has several jobs, and this one is not claimed yet.
            Some(JobState::Running { by, .. }) => self.waiting.push(because(by, open)),
            _ if open.owner.is_some() || !open.history.is_empty() => self.stopped.push(open),
            _ => self.waiting.push(OpenJob { why: needs, ..open }),
        }
    }

    /// Estimates the finished share and the time left.
    fn estimate(&mut self, plan: &Plan, jobs: &[&Job], known: &Known) {
        let weight = |job: &Job| job.cost.weight() as f64;
        let all: f64 = jobs.iter().map(|job| weight(job)).sum();
        let finished = jobs.iter().filter_map(|job| Some((*job, known.done(job)?)));
        let (weights, done): (Vec<f64>, BTreeMap<&str, f64>) =
            finished.map(|(job, done)| (weight(job), (job.id.as_str(), done.seconds))).unzip();
        let begun = [&self.running, &self.failed, &self.stopped].into_iter().flatten();
        let images: u64 = begun.map(|job| job.so_far().images).sum();
        let behind = weights.iter().sum::<f64>() + 3.0 * images as f64;
        self.share = if all > 0.0 { (behind / all).min(1.0) } else { 1.0 };
        let progress: BTreeMap<&str, Progress> =
            self.running.iter().map(|job| (job.id.as_str(), job.so_far())).collect();
        self.left_seconds = time_left(&plan.jobs, &done, &progress).map(|left| left.seconds);
    }

    /// Lists the best model of each column, and the jobs that finished last.
    fn list_finished(&mut self, jobs: &[&Job], known: &Known) {
        let finished = || jobs.iter().filter_map(|job| Some((*job, known.done(job)?)));
        let models = finished().filter(|(_, done)| done.is_model);
        let scored =
            models.filter_map(|(job, done)| Some((column(job).to_owned(), (&job.label, done.score?))));
        let best = scored.into_grouping_map().max_by(|_, a, b| a.1.total_cmp(&b.1));
        let best = best.into_iter().sorted_by(|a, b| a.0.cmp(&b.0));
        self.best =
            best.map(|(column, (label, score))| Best { column, label: label.clone(), score }).collect();
        let now = SystemTime::now();
        let latest = finished().sorted_by_key(|(_, done)| std::cmp::Reverse(done.at)).take(LAST_FINISHED);
        self.finished = latest
            .map(|(job, done)| Finished {
                label: job.label.clone(),
                seconds_ago: now.duration_since(done.at).unwrap_or_default().as_secs_f64(),
                score: done.score,
            })
            .collect();
    }
}

/// Returns the column of the table that a job belongs to.
fn column(job: &Job) -> &str {
    job.label.split(": ").next().unwrap_or_default()
}

/// Says which jobs have to be done before a job can start; `None` if all are.
fn needs(plan: &Plan, job: &Job, undone: &HashSet<&str>) -> Option<String> {
    let mut open = job.inputs.iter().filter(|id| undone.contains(id.as_str()));
    let first = plan.job(open.next()?)?.label.as_str();
    let first = first.strip_prefix(column(job)).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(first);
    let more = match open.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("needs {first}{more}"))
}
