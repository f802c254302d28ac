//! What earlier snapshots found out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use ff_grid::{Job, JobId, JobOutput, JobState, Plan, QueueStatus, Record, RunStore, job_states, owner_of};

/// The interval between two queries of a cluster's queue.
const QUEUE_EVERY: Duration = Duration::from_secs(30);

/// Time without a running process after which the jobs count as left alone. Between two jobs none
/// is claimed.
const IDLE_AFTER: Duration = Duration::from_secs(5);

/// What earlier snapshots found out, which need not be read again.
#[derive(Default)]
pub struct Known {
    finished: BTreeMap<JobId, Done>,
    queue: Option<(Instant, QueueStatus)>,
    active: Option<Instant>,
}

/// What a snapshot shows of a finished job.
pub struct Done {
    /// The time of its record.
    pub at: SystemTime,
    /// The time that it took.
    pub seconds: f64,
    /// Its validation or test score, if it has one.
    pub score: Option<f64>,
    /// True if its result is a model.
    pub is_model: bool,
}

impl Known {
    /// Reads the records of jobs that have finished since the last snapshot.
    pub fn read(&mut self, jobs: &[&Job], runs: &RunStore) {
        for &job in jobs {
            // A damaged record is an error of `run`, not of `watch`.
            if self.done(job).is_none()
                && let Ok(Some(record)) = runs.record(job)
            {
                self.finished.insert(job.id.clone(), Done::of(&record, runs, job));
            }
        }
    }

    /// Returns what is known of a finished job.
    pub fn done(&self, job: &Job) -> Option<&Done> {
        self.finished.get(&job.id)
    }

    /// Returns the jobs that are in a queue, that a task has, or that failed. It is at most
    /// [`QUEUE_EVERY`] old.
    pub fn queue(&mut self, plan: &Plan, runs: &RunStore) -> &QueueStatus {
        if self.queue.as_ref().is_none_or(|(at, _)| at.elapsed() >= QUEUE_EVERY) {
            // `ff-grid status` reports what is wrong with the queue.
            let mut status = job_states(&plan.jobs, runs).unwrap_or_default();
            // Each snapshot reads the claims itself.
            let is_claimed = |id: &str| plan.job(id).is_some_and(|job| owner_of(&runs.folder(job)).is_some());
            status.jobs.retain(|id, state| match state {
                JobState::Running { .. } => !is_claimed(id),
                state => matches!(state, JobState::Queued { .. } | JobState::Failed(_)),
            });
            self.queue = Some((Instant::now(), status));
        }
        &self.queue.as_ref().expect("set above").1
    }

    /// Returns true if no job was active for a while. `active`: some job is running or in a queue
    /// now.
    pub fn is_idle(&mut self, active: bool) -> bool {
        if active {
            self.active = Some(Instant::now());
        }
        self.active.is_none_or(|at| at.elapsed() >= IDLE_AFTER)
    }
}

impl Done {
    fn of(record: &Record, runs: &RunStore, job: &Job) -> Self {
        let file = std::fs::metadata(runs.folder(job).join("record.json"));
        let (score, is_model) = match &record.output {
            JobOutput::Training(outcome) => {
                (outcome.kept.as_ref().and_then(|kept| kept.validation.value()), true)
            }
            // An ensemble is no model.
            JobOutput::Soup(soup) => (Some(soup.soup.score), soup.weights.is_some()),
            JobOutput::Score(score) => (score.value.value(), false),
            _ => (None, false),
        };
        let at = file.and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        Self { at, seconds: record.seconds, score, is_model }
    }
}
