//! `ff-grid status` and `ff-grid cancel`: the state of a table's jobs.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ff_grid::{
    Failure, Forecast, Job, JobSpec, JobState, Plan, Progress, QueueStatus, RunStore, job_states, time_left,
};
use itertools::Itertools;
use serde_json::json;

use super::options::{TableOptions, existing_runs, prepare};
use super::words::{counted, indented};
use crate::watch::spoken;

/// Prints how many of a table's jobs are in each state, and what those are about that are not done.
pub fn status(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, runs) = of_runs_folder(options)?;
    let states = job_states(&plan.jobs, &runs)?;
    let left = left(&plan, &states);
    let missing = plan.missing();
    if options.json {
        let counts: BTreeMap<_, _> = counts(&plan, &states).into_iter().collect();
        let undone = |state: &JobState| !matches!(state, JobState::Done { .. });
        let jobs: BTreeMap<_, _> = states.jobs.iter().filter(|(_, state)| undone(state)).collect();
        return crate::output::print_json(&json!({
            "total": counts, "missing": missing, "jobs": jobs, "troubles": states.troubles,
            "seconds_left": left.map(|left| left.seconds)
        }));
    }
    let is = |name: &'static str| states.jobs.values().filter(|state| state.name() == name).count();
    let mut text = format!("{}: {} of {} jobs done", plan.name(), is("done"), plan.jobs.len());
    if let Some(Forecast { workers, seconds, .. }) = left {
        text +=
            &format!(", about {} left with {} at a time", spoken(seconds), counted(workers as u64, "job"));
    }
    text += &format!("\n\n{}", table(&counts(&plan, &states)));
    let mut section = |title: &str, lines: String| {
        if !lines.is_empty() {
            text += &format!("\n{title}:\n{lines}");
        }
    };
    section("running", lines(&plan, &states, running));
    section("in the queue", reasons(&states));
    section("stopped", lines(&plan, &states, stopped));
    section("failed", failed(&plan, &states));
    section("blocked", blocked(&plan, &missing));
    for trouble in &states.troubles {
        text += &format!("\n{}\n", indented(trouble));
    }
    if let Some(hint) = next(&is) {
        text += &format!("\nhint: {hint}\n");
    }
    crate::output::print(&text)
}

/// Plans a table whose runs folder must exist.
fn of_runs_folder(options: &TableOptions) -> anyhow::Result<(Plan, RunStore)> {
    let config = options.config.config.display();
    existing_runs(&options.runs, &format!("`ff-grid run --config {config}` makes it; --runs names another"))?;
    let (plan, _, runs) = prepare(options, &crate::hub::find_cached)?;
    Ok((plan, runs))
}

/// Estimates the time until all jobs are done, if some are running.
fn left(plan: &Plan, states: &QueueStatus) -> Option<Forecast> {
    let (mut done, mut running) = (BTreeMap::new(), BTreeMap::new());
    for job in plan.jobs.iter() {
        match states.jobs.get(&job.id) {
            Some(&JobState::Done { seconds }) => drop(done.insert(job.id.as_str(), seconds)),
            Some(&JobState::Running { epochs, .. }) => {
                let share = epochs as f64 / job.cost.epochs.max(1) as f64;
                running.insert(job.id.as_str(), Progress { share: share.min(1.0), ..Progress::default() });
            }
            _ => {}
        }
    }
    time_left(&plan.jobs, &done, &running)
}

/// The numbers of jobs of a kind by the name of their state, and of all under `jobs`.
type Counts = BTreeMap<&'static str, usize>;

/// Counts the jobs of each kind by their state.
fn counts(plan: &Plan, states: &QueueStatus) -> Vec<(&'static str, Counts)> {
    let none = || JobState::NAMES.into_iter().chain(["jobs"]).map(|name| (name, 0)).collect::<Counts>();
    let mut counts: Vec<_> = JobSpec::KINDS.iter().map(|&kind| (kind, none())).collect();
    for job in plan.jobs.iter() {
        let of_kind = counts.iter_mut().find(|(kind, _)| *kind == job.spec.kind());
        let (_, count) = of_kind.expect("all kinds are listed");
        *count.entry("jobs").or_default() += 1;
        *count.entry(states.jobs[&job.id].name()).or_default() += 1;
    }
    counts.retain(|(_, count)| count["jobs"] > 0);
    counts
}

/// Formats a line for each kind of job, and one for all. Only a cluster has a queue.
fn table(counts: &[(&'static str, Counts)]) -> String {
    let queued = counts.iter().any(|(_, count)| count["queued"] > 0);
    let columns = || ["jobs"].into_iter().chain(JobState::NAMES).filter(|name| queued || *name != "queued");
    let mut text = format!("{:15}{}\n", "kind", columns().map(|name| format!("{name:>9}")).join(""));
    let mut line = |kind: &str, of: &dyn Fn(&str) -> usize| {
        let cell = |name| match of(name) {
            0 => format!("{:>9}", "-"),
            number => format!("{number:>9}"),
        };
        text += &format!("{kind:15}{}\n", columns().map(cell).join(""));
    };
    for (kind, count) in counts {
        line(kind, &|name| count[name]);
    }
    line("all", &|name| counts.iter().map(|(_, count)| count[name]).sum());
    text
}

/// Formats a line for each job in the table's order that `of` describes.
fn lines(plan: &Plan, states: &QueueStatus, of: fn(&Job, &JobState) -> Option<String>) -> String {
    let described = plan.jobs.iter().filter_map(|job| Some((job, of(job, states.jobs.get(&job.id)?)?)));
    described.map(|(job, said)| format!("  {}: {said}\n", job.label)).collect()
}

fn running(job: &Job, state: &JobState) -> Option<String> {
    let JobState::Running { by, since, ends, epochs } = state else { return None };
    let epoch = match job.cost.epochs {
        0 => String::new(),
        all => format!("epoch {} of {all}, ", (epochs + 1).min(all)),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since =
        since.map_or(String::new(), |since| format!(", for {}", spoken(now.saturating_sub(since) as f64)));
    let until = ends.as_ref().map_or(String::new(), |ends| format!(", ends by {ends}"));
    Some(format!("{epoch}{by}{since}{until}"))
}

fn stopped(job: &Job, state: &JobState) -> Option<String> {
    let JobState::Stopped { by, epochs, saved } = state else { return None };
    let done = match (saved, job.cost.epochs) {
        (true, all) => format!("{epochs} of {} done", counted(all, "epoch")),
        (false, _) => "nothing saved yet".to_owned(),
    };
    Some(done + &by.as_ref().map_or(String::new(), |by| format!(", {by} ended")))
}

/// Formats the failed jobs, in the table's order.
///
/// Jobs with the same failure are one entry, since the jobs of one task fail together.
fn failed(plan: &Plan, states: &QueueStatus) -> String {
    let failures = plan.jobs.iter().filter_map(|job| match states.jobs.get(&job.id)? {
        JobState::Failed(failure) => Some((failure, job.label.as_str())),
        _ => None,
    });
    let mut text = String::new();
    for (Failure { why, log, last_lines }, labels) in grouped(failures) {
        let more = match labels.len() {
            1 => String::new(),
            number => format!(", and {} more", number - 1),
        };
        text += &format!("  {}{more}: {}\n", labels[0], why.replace('\n', "\n    "));
        last_lines.lines().for_each(|line| text += &format!("    {line}\n"));
        log.iter().for_each(|log| text += &format!("    log: {}\n", log.display()));
    }
    text
}

/// Formats what is missing, with the number of jobs that it blocks.
fn blocked(plan: &Plan, missing: &[String]) -> String {
    let reasons = plan.jobs.iter().filter_map(|job| Some((job.blocked.as_ref()?, ())));
    let jobs = grouped(reasons);
    // A dataset that is only tested on blocks no job: its scores are not planned.
    let others = missing.iter().filter(|why| jobs.iter().all(|(known, _)| known != why));
    let blocking = jobs.iter().map(|(why, jobs)| format!("{}: {why}", counted(jobs.len() as u64, "job")));
    blocking.chain(others.cloned()).map(|line| format!("  {}\n", indented(&line))).collect()
}

/// Groups values by keys, in the order in which the keys are found.
fn grouped<K: PartialEq, V>(pairs: impl Iterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Formats the scheduler's reasons for waiting, with the number of jobs.
fn reasons(states: &QueueStatus) -> String {
    let reasons = states.jobs.values().filter_map(|state| {
        let JobState::Queued { why, starts, .. } = state else { return None };
        let starts = starts.as_ref().map_or(String::new(), |starts| format!(", starts {starts}"));
        Some(format!("{why}{starts}"))
    });
    let line = |(why, number): (String, usize)| format!("  {}: {why}\n", counted(number as u64, "job"));
    reasons.counts().into_iter().sorted().map(line).collect()
}

/// Says what to do next, by the number of jobs in each state.
fn next(is: &dyn Fn(&'static str) -> usize) -> Option<&'static str> {
    let [running, queued, stopped, waiting, failed] =
        ["running", "queued", "stopped", "waiting", "failed"].map(is);
    match () {
        () if stopped + waiting + failed == 0 => None,
        () if running + queued > 0 && failed == 0 => None,
        () if failed > 0 => Some("`ff-grid run` with the same options repeats the failed jobs"),
        () if stopped > 0 || is("done") > 0 => {
            Some("no process is running; `ff-grid run` with the same options resumes")
        }
        () => Some("`ff-grid run` with the same options starts the jobs"),
    }
}

/// Cancels a table's tasks in the queue.
pub fn cancel(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, runs) = of_runs_folder(options)?;
    let cancelled = ff_grid::cancel(plan.name(), &runs)?;
    if options.json {
        return crate::output::print_json(&json!({"tasks": cancelled}));
    }
    crate::output::say(&match cancelled as u64 {
        0 => "no task of this table is in the queue".to_owned(),
        tasks => format!("{} cancelled; `ff-grid run` resumes them", counted(tasks, "task")),
    });
    Ok(())
}
