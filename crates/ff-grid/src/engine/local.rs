//! The local engine: jobs in threads of this process.
//!
//! The workers are threads of one process, each with a device of its own if there are several. Two
//! processes of one worker take as long as one process of two workers. libtorch's thread count is
//! the same for all workers. On the CPU the last bits of weights depend on the number of threads
//! that libtorch uses for one operation (`run.threads`), as they do on the device. Neither is part
//! of a job's identity; both are in its record.
//!
//! Signals set one [`CancelToken`] for the process. Each job has a child of it, which is also set
//! if the job's claim is lost.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use ff_train::CancelToken;
use tch::Device;

use super::events::{Event, OnEvent, Summary};
use super::state::{JobState, QueueStatus};
use super::traits::{Engine, EngineKind, EngineSetup};
use crate::catalog::Catalog;
use crate::error::Error;
use crate::job::{Job, JobId, JobSpec, Jobs, device_name};
use crate::plan::Plan;
use crate::run::{JobContext, loses_gpu, panic_text};
use crate::store::{Claimed, Claims, RunStore, forget_failure, note_failure};

pub(super) const KIND: EngineKind = EngineKind {
    name: "local",
    about: "Threads of this process",
    queued: false,
    new: |setup| {
        let EngineSetup { workers, threads, devices, .. } = setup;
        Box::new(Local { workers, threads, devices, only: None })
    },
};

/// The engine that runs jobs in threads of this process.
///
/// Any number of processes, on any number of machines, may run the same plan on the same runs
/// folder: one of them claims each job.
pub struct Local {
    /// Jobs at once, at least 1.
    pub workers: usize,
    /// Threads that libtorch may use in each job.
    pub threads: usize,
    /// Devices of the workers, assigned in turn; at least one.
    pub devices: Vec<Device>,
    /// Identities of the only jobs to run. `None`: all jobs.
    pub only: Option<HashSet<JobId>>,
}

/// One job at a time, on the CPU.
impl Default for Local {
    fn default() -> Self {
        Self { workers: 1, threads: 1, devices: vec![Device::Cpu], only: None }
    }
}

impl Local {
    /// Runs a plan as [`Engine::run`] does, without a [`JobContext`] of the caller's. It cannot be
    /// cancelled.
    ///
    /// # Errors
    /// Those of [`Engine::run`]. A failed job is not an error; the summary lists it.
    pub fn run_plan(
        &self,
        plan: &Plan,
        catalog: &Catalog,
        runs: &RunStore,
        on_event: OnEvent<'_>,
    ) -> Result<Summary, Error> {
        catalog.start();
        let device = self.devices[0];
        let context = JobContext {
            jobs: &plan.jobs,
            run: plan.run(),
            catalog,
            runs,
            claims: &Claims::new(plan.run().lease(), &device_name(device)),
            stop: CancelToken::default(),
            device,
        };
        self.run(&context, on_event)
    }
}

/// Sets jobs to wait again whose records a soup of other weights than before has removed.
fn reopen(jobs: &Jobs, runs: &RunStore, job: &Job, states: &mut HashMap<&str, State>) {
    if !matches!(job.spec, JobSpec::Soup(_)) {
        return;
    }
    for follower in jobs.all_followers(&job.id) {
        let gone = || !runs.folder(follower).join("record.json").exists();
        let done = |state: &&mut State| matches!(**state, State::Found | State::Done);
        if let Some(state) = states.get_mut(follower.id.as_str()).filter(done)
            && gone()
        {
            *state = State::Waiting;
        }
    }
}

#[derive(Clone, PartialEq)]
enum State {
    Waiting,
    Running,
    /// Another process runs it; when this was last observed.
    Other(Instant),
    /// On record, and not run here.
    Found,
    Done,
    Failed(String),
    Skipped(String),
    Blocked,
    /// Not among the jobs to run, and not on record.
    Outside,
}

/// Time after which a job of another process is checked again.
const RECHECK_AFTER: Duration = Duration::from_secs(1);

impl Engine for Local {
    fn run(&self, context: &JobContext<'_>, on_event: OnEvent<'_>) -> Result<Summary, Error> {
        self.devices.iter().for_each(|&device| context.run.set_algorithms(device));
        let is_mine = |job: &&Job| self.only.as_ref().is_none_or(|only| only.contains(&job.id));
        let mine: Vec<&Job> = context.jobs.iter().filter(is_mine).collect();
        let mut states = HashMap::new();
        for &job in &mine {
            let state = if job.blocked.is_some() {
                State::Blocked
            } else if let Some(record) = context.runs.record(job)? {
                context.clean_up(job, &record)?;
                State::Found
            } else {
                State::Waiting
            };
            states.insert(job.id.as_str(), state);
        }
        // Jobs that others run matter if they are inputs of jobs here.
        for input in mine.iter().flat_map(|job| &job.inputs).filter_map(|id| context.jobs.find(id)) {
            if !states.contains_key(input.id.as_str()) {
                let done = context.runs.record(input)?.is_some();
                states.insert(&input.id, if done { State::Found } else { State::Outside });
            }
        }
        let (states, changed, lost) = (Mutex::new(states), Condvar::new(), Mutex::new(None));
        std::thread::scope(|scope| {
            for worker in 0..self.workers.max(1) {
                let (states, changed, lost, mine) = (&states, &changed, &lost, &mine);
                let work = move || {
                    tch::set_num_threads(self.threads.max(1) as i32);
                    let device = self.devices[worker % self.devices.len()];
                    let claims = &context.claims.on(device);
                    let context = &JobContext { device, claims, ..context.clone() };
                    while let Some(job) = next(context, mine, states, changed) {
                        let state = attempt(context, job, on_event, lost);
                        let mut states = states.lock().expect("states");
                        states.insert(&job.id, state);
                        reopen(context.jobs, context.runs, job, &mut states);
                        drop(states);
                        changed.notify_all();
                    }
                };
                if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, work) {
                    context.stop.set();
                    changed.notify_all();
                    return Err(Error::Job(format!(
                        "worker {} of {} cannot be started: {error}\nhint: set a smaller run.workers",
                        worker + 1,
                        self.workers
                    )));
                }
            }
            Ok(())
        })?;
        if let Some(failure) = lost.into_inner().expect("failure") {
            return Err(Error::Job(failure));
        }
        let states = states.into_inner().expect("states");
        let mut summary = Summary::default();
        for job in mine {
            match &states[job.id.as_str()] {
                State::Found => summary.found += 1,
                State::Done => summary.done += 1,
                State::Blocked | State::Outside => summary.blocked += 1,
                State::Failed(why) => summary.failed.push((job.label.clone(), why.clone())),
                State::Skipped(cause) => summary.skipped.push((job.label.clone(), cause.clone())),
                State::Waiting | State::Running | State::Other(_) if context.stop.is_set() => {
                    summary.stopped += 1;
                }
                State::Waiting | State::Running | State::Other(_) => {
                    summary.skipped.push((job.label.clone(), "a missing input".into()));
                }
            }
        }
        Ok(summary)
    }

    /// Returns nothing, since nothing is submitted.
    fn dry_run(&self, _: &JobContext<'_>) -> Result<Vec<(String, String)>, Error> {
        Ok(Vec::new())
    }

    fn status(&self, jobs: &Jobs, undone: &[&str], runs: &RunStore) -> Result<QueueStatus, Error> {
        let mut status = QueueStatus { can_tell: true, ..QueueStatus::default() };
        for job in undone.iter().filter_map(|id| jobs.find(id)) {
            status.jobs.extend(JobState::in_folder(job, runs).map(|state| (job.id.clone(), state)));
        }
        Ok(status)
    }

    /// Returns 0, since nothing is in a queue.
    fn cancel(&self, _: &str, _: &RunStore) -> Result<usize, Error> {
        Ok(0)
    }
}

/// Returns the next job whose inputs are done, in the plan's order. Waits as long as running jobs
/// may make another one ready.
fn next<'p>(
    context: &JobContext<'_>,
    mine: &[&'p Job],
    states: &Mutex<HashMap<&'p str, State>>,
    changed: &Condvar,
) -> Option<&'p Job> {
    let label = |id: &str| context.jobs.find(id).map_or(id.to_owned(), |job| job.label.clone());
    let mut states = states.lock().expect("states");
    while !context.stop.is_set() {
        let mut waiting = false;
        for &job in mine {
            match &states[job.id.as_str()] {
                State::Waiting => {}
                State::Other(since) if since.elapsed() >= RECHECK_AFTER => {}
                _ => continue,
            }
            let inputs =
                || job.inputs.iter().map(|id| (id, states.get(id.as_str()).unwrap_or(&State::Blocked)));
            let cause = inputs().find_map(|(id, state)| match state {
                State::Failed(_) | State::Outside => Some(label(id)),
                State::Skipped(cause) => Some(cause.clone()),
                _ => None,
            });
            if let Some(cause) = cause {
                states.insert(&job.id, State::Skipped(cause));
            } else if inputs().all(|(_, state)| matches!(state, State::Done | State::Found)) {
                states.insert(&job.id, State::Running);
                return Some(job);
            } else {
                waiting = true;
            }
        }
        let other = states.values().any(|state| matches!(state, State::Other(_)));
        let pending = waiting && states.values().any(|state| *state == State::Running);
        if !other && !pending {
            changed.notify_all();
            return None;
        }
        states = changed.wait_timeout(states, RECHECK_AFTER).expect("states").0;
    }
    None
}

/// Runs a job, and turns errors and panics into a state. If its GPU is lost, the process has to end:
/// all jobs stop, to be resumed by another process, and `lost` says why.
fn attempt(
    context: &JobContext<'_>,
    job: &Job,
    on_event: OnEvent<'_>,
    lost: &Mutex<Option<String>>,
) -> State {
    let result = catch_unwind(AssertUnwindSafe(|| claimed(context, job, on_event)));
    let failure = match result {
        Ok(Ok(state)) => return state,
        Ok(Err(error)) if error.is_stop() => return State::Waiting,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic_text(&*panic),
    };
    if loses_gpu(&failure) {
        let device = device_name(context.device);
        let hint = "run the same command again: finished jobs are kept, and this one resumes";
        // Other jobs on this GPU then fail with the same text.
        lost.lock()
            .expect("failure")
            .get_or_insert_with(|| format!("{}: {device} failed: {failure}\nhint: {hint}", job.label));
        context.stop.set();
        return State::Waiting;
    }
    let _ = catch_unwind(AssertUnwindSafe(|| on_event(Event::Failed(job, &failure))));
    State::Failed(failure)
}

/// Runs a job unless another process runs it or has finished it. Its folder notes a failure until it
/// starts again, unless the GPU is lost.
fn claimed(context: &JobContext<'_>, job: &Job, on_event: OnEvent<'_>) -> Result<State, Error> {
    // A job that another process has finished has no claim, only a record.
    if context.runs.record(job)?.is_some() {
        return Ok(State::Found);
    }
    let stop = context.stop.child();
    let claim = match context.claims.take(&context.runs.folder(job), stop.clone())? {
        Claimed::Ours(claim) => claim,
        Claimed::Theirs(owner) => {
            on_event(Event::Elsewhere(job, owner.as_ref()));
            return Ok(State::Other(Instant::now()));
        }
    };
    // Another process may have finished it since the first check.
    if context.runs.record(job)?.is_some() {
        return Ok(State::Found);
    }
    let folder = context.runs.folder(job);
    forget_failure(&folder);
    on_event(Event::Started(job));
    let run = || context.run(job, &stop, &mut |epoch| on_event(Event::Epoch(job, epoch)));
    // libtorch's failures (most often out of memory) are panics, and fail only this job. A panic in
    // an evaluation leaves gradients off in this thread, so every job turns them on.
    let failure = match catch_unwind(AssertUnwindSafe(|| tch::with_grad(run))) {
        Ok(Ok(record)) => {
            on_event(Event::Finished(job, &record));
            return Ok(State::Done);
        }
        // The process that took over has removed partial files here, which is no failure of the
        // job.
        Ok(Err(_)) if claim.is_taken() => return Ok(State::Other(Instant::now())),
        Ok(Err(error)) if error.is_stop() => return Err(error),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic_text(&*panic),
    };
    if !loses_gpu(&failure) {
        note_failure(&folder, &failure);
    }
    Err(Error::Job(failure))
}
