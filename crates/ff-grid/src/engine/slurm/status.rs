//! The states of submitted jobs, from the batches' files, the queue and the accounts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::batch::{Answer, Answers, Batch};
use super::client;
use super::client::Row;
use crate::engine::state::{Failure, JobState, QueueStatus, finished_epochs};
use crate::error::Error;
use crate::job::{JobId, Jobs};
use crate::store::RunStore;

/// The tasks in the queue, and the batches that they belong to.
pub(super) struct QueueSnapshot {
    pub batches: Vec<Batch>,
    /// Tasks by their array's name and their number.
    pub rows: HashMap<(String, u32), Row>,
}

impl QueueSnapshot {
    /// Reads the batches, and queries the queue if there are any.
    pub fn take(runs: &RunStore) -> Result<Self, Error> {
        let batches = Batch::all(runs)?;
        let mut rows = HashMap::new();
        if !batches.is_empty() {
            let queue = client::queue()?;
            let ours = queue.into_iter().filter(|row| batches.iter().any(|batch| batch.has(row)));
            rows.extend(ours.filter_map(|row| Some(((row.name.clone(), row.task?), row))));
        }
        Ok(Self { batches, rows })
    }

    /// Returns the jobs that tasks in the queue will run, each with its task. A later batch takes
    /// precedence.
    pub fn queued(&self) -> HashMap<&str, &Row> {
        let mut queued = HashMap::new();
        for (batch, array, task, jobs) in self.tasks() {
            if let Some(row) = self.rows.get(&(batch.name_of(array), task)).filter(|row| row.is_live()) {
                queued.extend(jobs.iter().map(|job| (job.as_str(), row)));
            }
        }
        queued
    }

    fn tasks(&self) -> impl Iterator<Item = (&Batch, usize, u32, &[JobId])> {
        self.batches.iter().flat_map(|batch| {
            let arrays = batch.arrays.iter().enumerate();
            arrays.flat_map(move |(at, array)| {
                array.tasks.iter().map(move |(&task, jobs)| (batch, at, task, jobs.as_slice()))
            })
        })
    }
}

/// Returns the states of jobs that are not on record.
pub(crate) fn status(jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error> {
    let mut status = QueueStatus { can_tell: true, ..QueueStatus::default() };
    let found = match QueueSnapshot::take(runs) {
        Ok(found) => found,
        Err(Error::Scheduler(message)) => {
            let troubles = vec![format!("the queue does not answer: {message}")];
            return Ok(QueueStatus { troubles, can_tell: false, ..status });
        }
        Err(error) => return Err(error),
    };
    let undone: HashSet<&str> = undone.iter().copied().collect();
    // The last task of a job determines its state, unless an earlier one is still in the queue.
    let mut last = HashMap::new();
    for (batch, array, task, jobs) in found.tasks() {
        for job in jobs.iter().filter(|job| undone.contains(job.as_str())) {
            last.insert(job.as_str(), (batch, array, task));
        }
    }
    let queued = found.queued();
    let mut over = Vec::new();
    for (job, (batch, array, task)) in last {
        match queued.get(job) {
            Some(row) => {
                let epochs = jobs.find(job).map_or(0, |job| finished_epochs(&runs.folder(job)));
                status.jobs.insert(job.into(), live(row, epochs));
            }
            None => over.push((job, batch, array, task)),
        }
    }
    // Without the preflight check no task of a batch starts. Only the last batch of a table
    // matters.
    let latest: HashMap<&str, &Batch> =
        found.batches.iter().map(|batch| (batch.table.as_str(), batch)).collect();
    let unchecked = |batch: &&Batch| {
        let mut jobs = batch.arrays.iter().flat_map(|array| array.tasks.values()).flatten();
        let needed = jobs.any(|job| undone.contains(job.as_str()));
        let live = found.rows.get(&(batch.name_of(0), 0)).is_some_and(Row::is_live);
        needed && !live && !batch.is_checked(runs)
    };
    let unchecked: Vec<&Batch> = latest.into_values().filter(unchecked).collect();
    let ended = over.iter().map(|(_, batch, array, _)| (*batch, *array));
    let ends = Ends::of(&found, ended.chain(unchecked.iter().map(|batch| (*batch, 0))), runs)?;
    for (job, batch, array, task) in over {
        if let Some(failure) = ends.failure(batch, array, task, runs) {
            status.jobs.insert(job.into(), JobState::Failed(failure));
        }
    }
    let troubles = unchecked.iter().filter_map(|batch| Some((batch, ends.failure(batch, 0, 0, runs)?)));
    status.troubles.extend(troubles.map(|(batch, failure)| check_failed(batch, &failure, runs)));
    Ok(status)
}

/// Describes a failed preflight check.
fn check_failed(batch: &Batch, Failure { why, log, last_lines }: &Failure, runs: &RunStore) -> String {
    match log {
        Some(_) => format!("the preflight check failed ({why}), so no job started:\n{last_lines}"),
        None => format!(
            "the preflight check wrote nothing to {} ({why}), so no job started\n\
             hint: put the runs folder on a shared disk, under the same path on all machines, unless the check was cancelled",
            batch.folder(runs).display()
        ),
    }
}

/// The ends of tasks that have left the queue.
struct Ends<'a> {
    found: &'a QueueSnapshot,
    answers: HashMap<&'a str, Answers>,
    /// State and exit code by the scheduler's id of a task.
    accounts: HashMap<String, (String, String)>,
}

impl<'a> Ends<'a> {
    fn of(
        found: &'a QueueSnapshot,
        arrays: impl IntoIterator<Item = (&'a Batch, usize)>,
        runs: &RunStore,
    ) -> Result<Self, Error> {
        let mut answers = HashMap::new();
        let mut numbers = BTreeSet::new();
        for (batch, array) in arrays {
            if !answers.contains_key(batch.name.as_str()) {
                answers.insert(batch.name.as_str(), batch.answers(runs)?);
            }
            numbers.extend(answers[batch.name.as_str()].number(array).map(str::to_owned));
        }
        let accounts = if numbers.is_empty() { None } else { client::accounts(&numbers) };
        let accounts = accounts.into_iter().flatten().map(|(id, state, code)| (id, (state, code))).collect();
        Ok(Self { found, answers, accounts })
    }

    /// Returns the failure of a task that did not run its jobs; `None` if it was not submitted.
    fn failure(&self, batch: &Batch, array: usize, task: u32, runs: &RunStore) -> Option<Failure> {
        let answers = &self.answers[batch.name.as_str()];
        let row = self.found.rows.get(&(batch.name_of(array), task));
        let account = answers.number(array).and_then(|number| self.accounts.get(&format!("{number}_{task}")));
        let state = match (account, row) {
            (Some((state, code)), _) if code != "0:0" => format!("{state}, exit code {code}"),
            (Some((state, _)), _) => state.clone(),
            (None, Some(row)) => row.state.clone(),
            (None, None) => "not in the queue".to_owned(),
        };
        let log = batch.log(runs, array, task);
        if log.exists() {
            let last_lines = last_lines(&log);
            return Some(Failure { why: state, log: Some(log), last_lines });
        }
        let why = match answers.arrays.get(array) {
            Some(Answer::Refused(message)) => format!("refused: {message}"),
            None if row.is_none() => return None,
            _ => format!("not started ({state}): cancelled, or a task that it needs failed"),
        };
        Some(Failure { why, log: None, last_lines: String::new() })
    }
}

fn live(row: &Row, epochs: u64) -> JobState {
    let known = |time: &str| (!matches!(time, "N/A" | "Unknown" | "")).then(|| time.to_owned());
    if row.is_running() {
        let by = format!("task {} on {}", row.id, row.node);
        JobState::Running { by, since: None, ends: known(&row.ends), epochs }
    } else {
        JobState::Queued { task: row.id.clone(), why: row.reason.clone(), starts: known(&row.starts) }
    }
}

/// Returns the last lines of a log. Bytes that are not UTF-8 are replaced.
fn last_lines(log: &Path) -> String {
    const LINES: usize = 5;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
