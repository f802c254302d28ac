//! How a grid stands, read off its folder.

use std::collections::BTreeMap;
use std::fmt;

use ff_grid::{Job, JobId, JobOutput, Plan, Progress, Record, RunStore, owner_of, time_left};
use ff_train::EpochRecord;
use itertools::Itertools;
use serde::Serialize;

use crate::progress::{shown, speed};

/// What need not be read again: of each finished job, its time and its best.
pub type Known = BTreeMap<JobId, Done>;

/// What counts of a finished job.
pub struct Done {
    seconds: f64,
    best: Option<f64>,
}

/// How a grid stands.
#[derive(Debug, Default, Serialize)]
pub struct Snapshot {
    /// Jobs that are done.
    pub done: usize,
    /// Jobs of the plan that can run.
    pub jobs: usize,
    /// Jobs whose data or weights are not there.
    pub missing: usize,
    /// Images trained on or evaluated, those trained on counted three times, of all that there are.
    pub share: f64,
    /// Seconds that the rest will take if it goes on like this; nothing if nobody is at work, or
    /// nothing is known yet.
    pub left_seconds: Option<f64>,
    /// Images per second of all that train.
    pub images_per_second: f64,
    /// Who does what.
    pub running: Vec<Running>,
    /// By column: the best validation score so far, and whose it is.
    pub best: Vec<Best>,
}

/// A job that a process is at.
#[derive(Debug, Serialize)]
pub struct Running {
    /// Its identity.
    pub id: JobId,
    /// The job.
    pub label: String,
    /// The process.
    pub owner: String,
    /// Where it computes.
    pub device: String,
    /// Epochs that it has to do; 0 for what is no training.
    pub epochs: u64,
    /// Epochs that are done.
    pub history: Vec<EpochRecord>,
}

/// The best of a column so far.
#[derive(Debug, Serialize)]
pub struct Best {
    /// The column.
    pub column: String,
    /// The job.
    pub label: String,
    /// Its validation score.
    pub score: f64,
}

impl Snapshot {
    /// Looks at the folder; what is in `known` is not read again.
    pub fn take(plan: &Plan, runs: &RunStore, known: &mut Known) -> anyhow::Result<Self> {
        let jobs: Vec<&Job> = plan.jobs.iter().filter(|job| job.blocked.is_none()).collect();
        let mut running = Vec::new();
        for &job in &jobs {
            if known.contains_key(&job.id) {
                continue;
            }
            // A record that cannot be read is the run's to tell.
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

/// The validation score of what a job left, if it is a model.
fn best(record: &Record) -> Option<f64> {
    match &record.output {
        JobOutput::Training(outcome) => outcome.kept.as_ref()?.validation.value(),
        JobOutput::Soup(soup) => Some(soup.soup.score),
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

    /// How far it is, in words.
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

/// A time as people say it.
pub fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86400.0),
    }
}

impl Snapshot {
    /// The whole in a line.
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
