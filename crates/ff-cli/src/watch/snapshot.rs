//! The state of a table, read from its runs folder.

use std::collections::BTreeMap;
use std::fmt;

use ff_grid::{Job, JobId, JobOutput, Plan, Progress, Record, RunStore, owner_of, time_left};
use ff_train::EpochRecord;
use itertools::Itertools;
use serde::Serialize;

use crate::progress::{shown, speed};

/// Finished jobs that were read before, which need not be read again.
pub type Known = BTreeMap<JobId, Done>;

/// A finished job's time and validation score.
pub struct Done {
    seconds: f64,
    best: Option<f64>,
}

/// The state of a table.
#[derive(Debug, Default, Serialize)]
pub struct Snapshot {
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
    /// The running jobs.
    pub running: Vec<Running>,
    /// The best model of each column so far, by validation score.
    pub best: Vec<Best>,
}

/// A running job.
#[derive(Debug, Serialize)]
pub struct Running {
    /// The job's identity.
    pub id: JobId,
    /// The job's label.
    pub label: String,
    /// The process that runs it.
    pub owner: String,
    /// The device that it runs on.
    pub device: String,
    /// Its number of epochs; 0 if it does not train.
    pub epochs: u64,
    /// Its finished epochs.
    pub history: Vec<EpochRecord>,
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

impl Snapshot {
    /// Reads the state of a plan's jobs. Records of jobs in `known` are not read again.
    pub fn take(plan: &Plan, runs: &RunStore, known: &mut Known) -> anyhow::Result<Self> {
        let jobs: Vec<&Job> = plan.jobs.iter().filter(|job| job.blocked.is_none()).collect();
        let mut running = Vec::new();
        for &job in &jobs {
            if known.contains_key(&job.id) {
                continue;
            }
            // A damaged record is an error of `run`, not of `watch`.
            if let Ok(Some(record)) = runs.record(job) {
                known.insert(job.id.clone(), Done { seconds: record.seconds, best: best(&record) });
            } else if let Some(owner) = owner_of(&runs.folder(job)).filter(|owner| !owner.has_ended()) {
                running.push(Running {
                    id: job.id.clone(),
                    label: job.label.clone(),
                    device: owner.device.clone(),
                    owner: owner.to_string(),
                    epochs: job.cost.epochs,
                    history: EpochRecord::written_in(&runs.folder(job)),
                });
            }
        }
        let weight = |job: &Job| job.cost.weight() as f64;
        let finished = || jobs.iter().filter_map(|job| Some((*job, known.get(&job.id)?)));
        let all: f64 = jobs.iter().map(|job| weight(job)).sum();
        let behind: f64 = finished().map(|(job, _)| weight(job)).sum::<f64>()
            + running
                .iter()
                .map(|one| 3.0 * one.history.iter().map(|epoch| epoch.images as f64).sum::<f64>())
                .sum::<f64>();
        let done = finished().map(|(job, done)| (job.id.as_str(), done.seconds)).collect();
        let progress = running.iter().map(|one| (one.id.as_str(), one.so_far())).collect();
        let left = time_left(&plan.jobs, &done, &progress);
        let column = |job: &Job| job.label.split(": ").next().unwrap_or_default().to_owned();
        let scored = finished().filter_map(|(job, done)| Some((column(job), (&job.label, done.best?))));
        let best = scored.into_grouping_map().max_by(|_, a, b| a.1.total_cmp(&b.1));
        let best = best.into_iter().sorted_by(|a, b| a.0.cmp(&b.0));
        Ok(Self {
            done: finished().count(),
            jobs: jobs.len(),
            missing: plan.jobs.len() - jobs.len(),
            share: if all > 0.0 { (behind / all).min(1.0) } else { 1.0 },
            left_seconds: left.map(|left| left.seconds),
            images_per_second: running
                .iter()
                .filter_map(|one| one.history.last())
                .map(EpochRecord::images_per_second)
                .sum(),
            running,
            best: best.map(|(column, (label, score))| Best { column, label: label.clone(), score }).collect(),
        })
    }
}

/// Returns the validation score of a job's result, if that is a model. An ensemble is none.
fn best(record: &Record) -> Option<f64> {
    match &record.output {
        JobOutput::Training(outcome) => outcome.kept.as_ref()?.validation.value(),
        JobOutput::Soup(soup) => soup.weights.as_ref().map(|_| soup.soup.score),
        _ => None,
    }
}

impl Running {
    fn so_far(&self) -> Progress {
        let epochs = self.history.len() as f64;
        Progress {
            images: self.history.iter().map(|epoch| epoch.images as u64).sum(),
            seconds: self.history.iter().map(|epoch| epoch.seconds).sum(),
            share: if self.epochs > 0 { (epochs / self.epochs as f64).min(1.0) } else { 0.0 },
        }
    }

    /// Formats the job's progress.
    pub fn progress(&self) -> String {
        match (self.epochs, self.history.last()) {
            (0, _) => String::new(),
            (epochs, None) => format!("epoch 1 of {epochs}"),
            (epochs, Some(last)) => {
                let score = shown(&last.validation);
                format!("epoch {} of {epochs}, {score} on validation, {}", last.epoch, speed(last))
            }
        }
    }
}

/// Formats a time in the unit that suits it: seconds, minutes, hours or days.
pub fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86400.0),
    }
}

impl Snapshot {
    /// Formats the state in one line.
    pub fn headline(&self) -> String {
        let left =
            self.left_seconds.map_or(String::new(), |seconds| format!(", about {} left", spoken(seconds)));
        let speed = match self.images_per_second {
            0.0 => String::new(),
            speed => format!(", {speed:.0} images/s"),
        };
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(", {missing} without data or weights"),
        };
        format!("{} of {} jobs done{missing}{speed}{left}", self.done, self.jobs)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        for running in &self.running {
            writeln!(
                f,
                "running  {}  ({}, {})  {}",
                running.label,
                running.owner,
                running.device,
                running.progress()
            )?;
        }
        for best in &self.best {
            writeln!(f, "best     {:.4}  {}", best.score, best.label)?;
        }
        Ok(())
    }
}
