//! `ff-grid status` and `ff-grid cancel`: the state of a table's jobs.

use std::collections::BTreeMap;

use ff_grid::{Failure, Forecast, JobState, Plan, Progress, QueueStatus, queue_status, time_left};

use super::options::{TableOptions, prepare};
use super::plan::{counted, counts, missing_text, summary};
use crate::watch::spoken;

/// Prints a table's progress, and the state of the jobs that are not done.
pub fn status(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &crate::hub::find_cached)?;
    let done = runs.finished(&plan.jobs)?;
    let counts = counts(&plan, &done);
    let missing = plan.missing();
    let open = plan.jobs.iter().filter(|job| job.blocked.is_none()).map(|job| job.id.as_str());
    let undone: Vec<&str> = open.filter(|id| !done.contains_key(id)).collect();
    let status = queue_status(&plan.jobs, &undone, &runs)?;
    let running = status.jobs.iter().filter(|(_, state)| matches!(state, JobState::Running { .. }));
    let running = running.map(|(id, _)| (id.as_str(), Progress::default())).collect();
    let left = time_left(&plan.jobs, &done, &running);
    if options.json {
        let total: BTreeMap<_, _> = counts.iter().copied().collect();
        return crate::output::print_json(&serde_json::json!({
            "total": total, "missing": missing, "jobs": status.jobs, "troubles": status.troubles,
            "seconds_left": left.map(|left| left.seconds)
        }));
    }
    let label = |id: &str| plan.job(id).map_or(id.to_owned(), |job| job.label.clone());
    let mut text = summary(&counts) + &missing_text(&missing);
    let (mut running, mut queued) = (String::new(), 0);
    for (id, state) in &status.jobs {
        match state {
            JobState::Queued { .. } => queued += 1,
            JobState::Running { by, ends } => {
                let until = ends.as_ref().map_or(String::new(), |ends| format!(", ends by {ends}"));
                running += &format!("  {}: {by}{until}\n", label(id));
            }
            JobState::Failed(_) => {}
        }
    }
    let failed = failed(&plan, &status);
    if !running.is_empty() {
        text += &format!("\nrunning:\n{running}");
    }
    if let Some(Forecast { workers, seconds, .. }) = left {
        let at_once = if workers == 1 { "one job".to_owned() } else { format!("{workers} jobs") };
        text += &format!("\nabout {} left, with {at_once} at a time\n", spoken(seconds));
    }
    if queued > 0 {
        text += &format!("\nin the queue: {}\n", counted(queued, "job"));
        for (why, number) in reasons(&status) {
            text += &format!("  {number} wait: {why}\n");
        }
    }
    if !failed.is_empty() {
        text += &format!("\nfailed:\n{failed}");
    }
    for trouble in &status.troubles {
        text += &format!("\n{}\n", trouble.replace('\n', "\n  "));
    }
    crate::output::print(&text)
}

/// Formats the failed jobs, in the table's order.
///
/// Jobs with the same failure are one entry, since the jobs of one task fail together.
fn failed(plan: &Plan, status: &QueueStatus) -> String {
    let mut groups: Vec<(&Failure, Vec<&str>)> = Vec::new();
    for job in plan.jobs.iter() {
        let Some(JobState::Failed(failure)) = status.jobs.get(&job.id) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == failure) {
            Some((_, labels)) => labels.push(&job.label),
            None => groups.push((failure, vec![&job.label])),
        }
    }
    let mut text = String::new();
    for (Failure { why, log, last_lines }, labels) in groups {
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

/// Counts the jobs in the queue by the scheduler's reason for waiting.
fn reasons(status: &QueueStatus) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for state in status.jobs.values() {
        if let JobState::Queued { why, starts, .. } = state {
            let starts = starts.as_ref().map_or(String::new(), |starts| format!(", starts {starts}"));
            *reasons.entry(format!("{why}{starts}")).or_insert(0) += 1;
        }
    }
    reasons
}

/// Cancels a table's tasks in the queue.
pub fn cancel(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &crate::hub::find_cached)?;
    let cancelled = ff_grid::cancel(plan.name(), &runs)?;
    if options.json {
        return crate::output::print_json(&serde_json::json!({"tasks": cancelled}));
    }
    crate::output::say(&match cancelled as u64 {
        0 => "no task of this table is in the queue".to_owned(),
        tasks => format!("{} cancelled; `ff-grid run` resumes them", counted(tasks, "task")),
    });
    Ok(())
}
