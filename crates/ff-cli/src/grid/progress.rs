//! Progress of a grid: lines, above a bar on a terminal.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use ff_grid::{Event, Job, JobId, Jobs, Owner, Progress, RunStore, time_left};
use ff_train::EpochRecord;
use indicatif::ProgressBar;
use itertools::Itertools;
use tracing::info;

use super::words::counted;
use crate::bar::progress_bar;
use crate::progress::{of_epoch, outcome};
use crate::watch::spoken;

/// The time after which a line says what is running, if nothing else was printed.
const EVERY: Duration = Duration::from_secs(30);
/// The least time between the lines of two epochs. Tests have epochs of milliseconds.
const BETWEEN_EPOCHS: Duration = Duration::from_secs(1);

/// Shows the events of jobs.
pub struct GridProgress<'a> {
    jobs: &'a Jobs,
    runs: &'a RunStore,
    bar: ProgressBar,
    state: Mutex<State>,
}

struct State {
    /// Seconds of finished jobs, of this process and of others.
    done: BTreeMap<JobId, f64>,
    running: BTreeMap<JobId, Running>,
    in_other_processes: HashSet<JobId>,
    said: Instant,
}

/// A job of this process.
struct Running {
    since: Instant,
    so_far: Progress,
}

impl<'a> GridProgress<'a> {
    /// Starts to show jobs. `found` has the seconds of those on record ([`RunStore::finished`]).
    pub fn new(jobs: &'a Jobs, runs: &'a RunStore, found: BTreeMap<&str, f64>) -> Self {
        let done = found.into_iter().map(|(id, seconds)| (id.into(), seconds)).collect();
        let state = State {
            done,
            running: BTreeMap::new(),
            in_other_processes: HashSet::new(),
            said: Instant::now(),
        };
        let bar = progress_bar(Some(1000), "{bar:30} {prefix}, {elapsed} elapsed  {wide_msg}");
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { jobs, runs, bar, state: Mutex::new(state) }
    }

    /// Does work whose events it shows. When nothing was printed for 30 seconds, a line says what is
    /// running.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            let (end, ended) = channel::<()>();
            scope.spawn(move || {
                while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    self.beat();
                }
            });
            let result = work();
            drop(end);
            self.bar.finish_and_clear();
            result
        })
    }

    /// Shows an event.
    pub fn event(&self, event: Event<'_>) {
        let state = &mut *self.state.lock().expect("no panic while printing");
        match event {
            Event::Started(job) => {
                let running = Running { since: Instant::now(), so_far: Progress::default() };
                state.running.insert(job.id.clone(), running);
                self.bar.set_message(job.label.clone());
                if job.cost.epochs > 0 {
                    self.line(state, &format!("{}: started", job.label));
                }
            }
            Event::Epoch(job, epoch) => self.epoch(state, job, epoch),
            Event::Finished(job, record) => {
                state.running.remove(&job.id);
                state.done.insert(job.id.clone(), record.seconds);
                self.line(state, &format!("{}{} ({:.1} s)", job.label, outcome(record), record.seconds));
            }
            Event::Failed(job, why) => {
                state.running.remove(&job.id);
                self.line(state, &format!("{}: FAILED: {why}", job.label));
            }
            Event::Elsewhere(job, owner) => self.wait(state, job, owner),
            Event::Submitted(tasks, name, number) => {
                info!("submitted {name}: {tasks} tasks, job {number}");
            }
        }
    }

    fn epoch(&self, state: &mut State, job: &Job, epoch: &EpochRecord) {
        let epochs = job.cost.epochs;
        if let Some(Running { so_far, .. }) = state.running.get_mut(&job.id) {
            so_far.images += epoch.images as u64;
            so_far.seconds += epoch.seconds;
            so_far.share = f64::from(epoch.epoch) / epochs.max(1) as f64;
        }
        let text = || format!("{}: epoch {}/{epochs}: {}", job.label, epoch.epoch, of_epoch(epoch));
        // The forecast in the heading costs more than a short epoch may.
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
            self.heading(state);
        } else if state.said.elapsed() >= BETWEEN_EPOCHS {
            self.line(state, &text());
        }
    }

    /// Reports, once for each job, that another process is running it.
    fn wait(&self, state: &mut State, job: &Job, owner: Option<&Owner>) {
        if state.in_other_processes.insert(job.id.clone()) {
            let owner = owner.map_or("another process".to_owned(), Owner::to_string);
            self.line(state, &format!("{}: already running in {owner}", job.label));
        }
    }

    /// Says what is running, unless something was printed of late.
    fn beat(&self) {
        let state = &mut *self.state.lock().expect("no panic while printing");
        if !self.bar.is_hidden() || state.said.elapsed() < EVERY {
            return;
        }
        let label = |id: &JobId| self.jobs.find(id).map_or_else(String::new, |job| job.label.clone());
        let since = |(id, of): (&JobId, &Running)| {
            format!("{}, for {}", label(id), spoken(of.since.elapsed().as_secs_f64()))
        };
        let running = state.running.iter().map(since).join("; ");
        let others = state.in_other_processes.iter().filter(|id| !state.done.contains_key(*id)).count();
        match (running.is_empty(), others) {
            (false, _) => self.line(state, &format!("running: {running}")),
            // The jobs are in a queue.
            (true, 0) => {}
            (true, others) => {
                let jobs = counted(others as u64, "job");
                self.line(state, &format!("waiting for {jobs} of other processes"));
            }
        }
    }

    /// Prints a line that begins with the state of all jobs.
    fn line(&self, state: &mut State, text: &str) {
        let heading = self.heading(state);
        state.said = Instant::now();
        info!("[{heading}] {text}");
    }

    /// Returns the number of finished jobs, the finished share of the work and the time left, and
    /// moves the bar.
    fn heading(&self, state: &mut State) -> String {
        let State { done, running, in_other_processes, .. } = state;
        for id in in_other_processes.iter() {
            if !done.contains_key(id)
                && let Some(job) = self.jobs.find(id)
                && let Ok(Some(record)) = self.runs.record(job)
            {
                done.insert(id.clone(), record.seconds);
            }
        }
        let open = self.jobs.iter().filter(|job| job.blocked.is_none());
        let (mut jobs, mut all, mut behind) = (0, 0.0, 0.0);
        for job in open {
            // A job without images counts as one image, so that the share of a table without
            // training moves too.
            let weight = job.cost.weight().max(1) as f64;
            let of_running = || running.get(&job.id).map_or(0.0, |of| of.so_far.share);
            jobs += 1;
            all += weight;
            behind += weight * if done.contains_key(&job.id) { 1.0 } else { of_running() };
        }
        let share = if all > 0.0 { behind / all } else { 1.0 };
        let finished = done.iter().map(|(id, seconds)| (id.as_str(), *seconds)).collect();
        let so_far = running.iter().map(|(id, of)| (id.as_str(), of.so_far)).collect();
        let left = time_left(self.jobs, &finished, &so_far);
        let left = left.map_or_else(String::new, |left| format!(", {} left", spoken(left.seconds)));
        let text = format!("{}/{jobs}, {:.0} %{left}", done.len(), 100.0 * share);
        self.bar.set_position((1000.0 * share) as u64);
        self.bar.set_prefix(text.clone());
        text
    }
}
