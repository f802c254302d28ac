//! The Slurm engine: jobs in the queue of a cluster.
//!
//! Jobs of one kind that wait for the same inputs become a job array, and arrays wait for each
//! other. A task is a process that runs a few jobs of the graph with the local engine, in the same
//! runs folder.
//!
//! A batch (the arrays of one submission) is written to the runs folder before its first array is
//! submitted, and the names of its arrays begin with the batch's name. So every task in the queue
//! is known, even if the submission is interrupted, and the queue itself tells which tasks are
//! left.

mod arrays;
mod batch;
mod client;
mod script;
mod status;
mod task;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrays::{After, Array, Disposition, arrays};
use batch::{Answer, Answers, Batch};
use ff_checkpoint::write_atomic;
use ff_train::CancelToken;
use script::{Script, quoted};
use status::{QueueSnapshot, status};

pub use task::BatchTask;

use crate::config::RunConfig;
use crate::engine::events::{Event, OnEvent, Summary};
use crate::engine::state::{Failure, JobState, QueueStatus};
use crate::engine::traits::{Engine, EngineKind, EngineSetup};
use crate::error::Error;
use crate::job::{Jobs, VERSION};
use crate::run::JobContext;
use crate::store::RunStore;

pub(super) const KIND: EngineKind = EngineKind {
    name: "slurm",
    about: "A Slurm cluster, by sbatch",
    queued: true,
    new: |setup| Box::new(Slurm { setup }),
};

/// Submits jobs to Slurm.
struct Slurm {
    setup: EngineSetup,
}

/// Time between two queries of the queue while waiting.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

impl Engine for Slurm {
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error> {
        let mut summary = self.submit(context, on_event)?;
        if self.setup.wait {
            self.follow(context, on_event, &mut summary)?;
        }
        Ok(summary)
    }

    fn dry_run(&self, context: &JobContext<'_>) -> Result<Vec<(String, String)>, Error> {
        let (batch, _) = self.batch(context, &QueueSnapshot::take(context.runs)?)?;
        let Some(batch) = batch else { return Ok(Vec::new()) };
        let number = |array: usize| format!("NUMBER-OF-{array:03}");
        Ok((0..batch.arrays.len())
            .map(|at| (batch.name_of(at), self.script(&batch, context.runs, at, number)))
            .collect())
    }

    fn status(&self, jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error> {
        status(jobs, undone, runs)
    }

    fn cancel(&self, table: &str, runs: &RunStore) -> Result<usize, Error> {
        let found = QueueSnapshot::take(runs)?;
        let of_table: Vec<&Batch> = found.batches.iter().filter(|batch| batch.table == table).collect();
        let live: Vec<_> = found
            .rows
            .values()
            .filter(|row| row.is_live() && of_table.iter().any(|batch| batch.has(row)))
            .collect();
        let arrays: HashSet<String> = live.iter().map(|row| row.array.clone()).collect();
        if !arrays.is_empty() {
            client::cancel(&arrays.into_iter().collect::<Vec<_>>())?;
        }
        Ok(live.len())
    }
}

impl Slurm {
    /// Waits until none of the jobs is in the queue, or until the run is cancelled.
    fn follow(
        &self,
        context: &JobContext<'_>,
        on_event: OnEvent<'_>,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let mut undone = Vec::new();
        for job in context.jobs.iter() {
            if context.runs.record(job)?.is_none() {
                undone.push(job.id.as_str());
            }
        }
        // On a shared disk a record may become visible after the queue shows the end of its task.
        let mut rechecked = false;
        while summary.queued > 0 && !context.stop.is_set() {
            pause(&context.stop);
            let mut left = Vec::new();
            for id in undone {
                let job = context.jobs.find(id).expect("a job of the graph");
                if let Some(record) = context.runs.record(job)? {
                    on_event(Event::Finished(job, &record));
                    summary.done += 1;
                } else {
                    left.push(id);
                }
            }
            undone = left;
            let status = status(context.jobs, &undone, context.runs)?;
            if !status.can_tell {
                continue;
            }
            note_failures(&status, context.jobs, summary);
            let over = summary.failed.len() + summary.skipped.len();
            if over > 0 && over == status.jobs.len() && !std::mem::replace(&mut rechecked, true) {
                continue;
            }
            summary.queued = status.jobs.len() - over;
            if let ([trouble, ..], 0) = (status.troubles.as_slice(), summary.queued) {
                return Err(Error::Scheduler(trouble.clone()));
            }
            if summary.no_room > 0 && summary.queued == 0 && over == 0 {
                let more = self.submit(context, on_event)?;
                (summary.queued, summary.no_room) = (more.queued, more.no_room);
            }
        }
        Ok(())
    }

    fn submit(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error> {
        // Without the claim, two processes at once would submit every job twice.
        let _claim = context.claims.wait_for(&Batch::root(context.runs), &context.stop)?;
        let (batch, summary) = self.batch(context, &QueueSnapshot::take(context.runs)?)?;
        let Some(batch) = batch else { return Ok(summary) };
        batch.write(context.runs, context.jobs)?;
        let mut answers = Answers::default();
        for (at, array) in batch.arrays.iter().enumerate() {
            let number = |array: usize| {
                answers.number(array).expect("arrays come after those they wait for").to_owned()
            };
            let (name, script) = (batch.name_of(at), self.script(&batch, context.runs, at, number));
            write_atomic(&batch.folder(context.runs).join("scripts").join(format!("{name}.sh")), |file| {
                std::io::Write::write_all(file, script.as_bytes())
            })?;
            let answer = if context.stop.is_set() {
                Err(Error::Scheduler("interrupted".into()))
            } else {
                client::submit(&script)
            };
            match answer {
                Ok(number) => {
                    on_event(Event::Submitted(array.tasks.len(), &name, &number));
                    answers.arrays.push(Answer::As(number));
                    batch.note(context.runs, &answers)?;
                }
                Err(error) => {
                    let left = batch.arrays.len() - at;
                    answers.arrays.extend((0..left).map(|_| Answer::Refused(error.to_string())));
                    batch.note(context.runs, &answers)?;
                    return Err(Error::Scheduler(format!(
                        "{name} was refused: {error}\n\
                         {at} of {} arrays are in the queue\n\
                         hint: run the same command again to submit the rest; `ff-grid status` shows the submitted arrays, `ff-grid cancel` cancels them",
                        batch.arrays.len()
                    )));
                }
            }
        }
        Ok(summary)
    }

    /// Lays out the batch of the jobs that are neither done nor queued; `None` if there are none.
    fn batch(
        &self,
        context: &JobContext<'_>,
        found: &QueueSnapshot,
    ) -> Result<(Option<Batch>, Summary), Error> {
        let queued = found.queued();
        let mut dispositions = HashMap::new();
        let mut summary = Summary::default();
        for job in context.jobs.iter() {
            let disposition = if job.blocked.is_some() {
                summary.blocked += 1;
                Disposition::Blocked
            } else if context.runs.record(job)?.is_some() {
                summary.found += 1;
                Disposition::Done
            } else if let Some(row) = queued.get(job.id.as_str()) {
                summary.queued += 1;
                Disposition::Queued(row.id.clone())
            } else {
                Disposition::Todo
            };
            dispositions.insert(job.id.as_str(), disposition);
        }
        let EngineSetup { table, cluster, data_root, .. } = &self.setup;
        let most = match cluster.max_array {
            Some(most) => most,
            None => client::largest_array()?,
        };
        let at_once = |kind: &str| cluster.resources(kind).jobs_per_task.unwrap_or(1);
        let mut arrays = arrays(context.jobs, |job| dispositions[job.id.as_str()].clone(), at_once, most);
        let in_queue = found.rows.values().filter(|row| row.is_live()).count();
        let all = jobs_of(&arrays);
        shorten(&mut arrays, cluster.max_queued.unwrap_or(usize::MAX).saturating_sub(in_queue));
        let jobs = jobs_of(&arrays);
        summary.queued += jobs;
        summary.no_room = all - jobs;
        if jobs == 0 {
            return Ok((None, summary));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = blake3::hash(format!("{now:?} {} {jobs}", std::process::id()).as_bytes()).to_hex();
        let plain = table.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
        let batch = Batch {
            name: format!("ff-{plain}-{}", &unique[..8]),
            table: table.clone(),
            code_version: VERSION.to_owned(),
            made: now.as_millis() as u64,
            data_root: data_root.clone(),
            run: RunConfig { cluster: cluster.clone(), ..context.run.clone() },
            jobs: Vec::new(),
            arrays,
        };
        Ok((Some(batch), summary))
    }

    fn script(&self, batch: &Batch, runs: &RunStore, at: usize, number: impl Fn(usize) -> String) -> String {
        let EngineSetup { cluster, program, options, .. } = &self.setup;
        let program = &cluster.program.clone().unwrap_or_else(|| quoted(&program.display().to_string()));
        let script = Script { cluster, folder: &batch.folder(runs), program, options };
        script.text(at, &batch.name_of(at), &batch.arrays[at], number)
    }
}

/// Lists in the summary the jobs that failed and those that did not start: label and reason.
fn note_failures(status: &QueueStatus, jobs: &Jobs, summary: &mut Summary) {
    summary.failed.clear();
    summary.skipped.clear();
    for (id, state) in &status.jobs {
        let (JobState::Failed(Failure { why, log, last_lines }), Some(job)) = (state, jobs.find(id)) else {
            continue;
        };
        let label = job.label.clone();
        match log {
            Some(_) => summary.failed.push((label, format!("{why}\n{last_lines}").trim_end().to_owned())),
            None => summary.skipped.push((label, why.clone())),
        }
    }
}

fn jobs_of(arrays: &[Array]) -> usize {
    arrays.iter().flat_map(|array| array.tasks.values()).map(Vec::len).sum()
}

/// Keeps the first tasks, up to the number `room`.
fn shorten(arrays: &mut Vec<Array>, mut room: usize) {
    let mut kept = 0;
    for array in arrays.iter_mut() {
        if room == 0 {
            break;
        }
        // An array whose tasks wait for the tasks of the same number in another array is kept whole
        // or not.
        let (matched, whole) =
            (array.after.iter().any(|after| matches!(after, After::Same(_))), array.tasks.len());
        if matched && whole > room {
            break;
        }
        let over: Vec<u32> = array.tasks.keys().skip(room).copied().collect();
        over.iter().for_each(|number| drop(array.tasks.remove(number)));
        room -= array.tasks.len();
        kept += 1;
        if !over.is_empty() {
            break;
        }
    }
    arrays.truncate(kept);
}

fn pause(stop: &CancelToken) {
    // In slices, so that a cancelled run ends soon.
    let slices = 25;
    for _ in 0..slices {
        if stop.is_set() {
            return;
        }
        std::thread::sleep(POLL_INTERVAL / slices);
    }
}
