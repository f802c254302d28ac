//! `ff-grid status` and `ff-grid cancel`.

use ff_grid::{Sight, Slurm, Whereabouts};

use crate::plan::{counted, counts, missing_text, summary};
use crate::{TableOptions, prepare};

/// Prints how far a table is, and where the jobs are that are not done.
pub fn status(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
    let counts = counts(&plan, &runs)?;
    let missing = plan.missing();
    let mut undone = Vec::new();
    for job in plan.jobs.iter().filter(|job| job.blocked.is_none()) {
        if runs.record(job)?.is_none() {
            undone.push(job.id.as_str());
        }
    }
    let sight = Sight::take(&plan.jobs, &undone, &runs)?;
    if options.json {
        let total: serde_json::Map<_, _> =
            counts.iter().map(|(kind, count)| ((*kind).to_owned(), serde_json::json!(count))).collect();
        return ff_cli::print_json(&serde_json::json!({
            "total": total, "missing": missing, "jobs": sight.jobs, "troubles": sight.troubles
        }));
    }
    let label = |id: &str| plan.job(id).map_or(id.to_owned(), |job| job.label.clone());
    let mut text = summary(&counts) + &missing_text(&missing);
    let (mut running, mut queued, mut failed) = (String::new(), 0, String::new());
    for (id, whereabouts) in &sight.jobs {
        match whereabouts {
            Whereabouts::Queued { .. } => queued += 1,
            Whereabouts::Running { by, ends } => {
                let until = ends.as_ref().map_or(String::new(), |ends| format!(", until {ends} at most"));
                running += &format!("  {}: {by}{until}\n", label(id));
            }
            Whereabouts::Failed { why, log, last_lines } => {
                failed += &format!("  {}: {why}\n", label(id));
                last_lines.lines().for_each(|line| failed += &format!("    {line}\n"));
                log.iter().for_each(|log| failed += &format!("    log: {}\n", log.display()));
            }
        }
    }
    if !running.is_empty() {
        text += &format!("\nrunning:\n{running}");
    }
    if queued > 0 {
        text += &format!("\nin the queue: {}\n", counted(queued, "job"));
        for (why, number) in reasons(&sight) {
            text += &format!("  {number} wait: {why}\n");
        }
    }
    if !failed.is_empty() {
        text += &format!("\nfailed:\n{failed}");
    }
    for trouble in &sight.troubles {
        text += &format!("\n{}\n", trouble.replace('\n', "\n  "));
    }
    ff_cli::print(&text)
}

/// What jobs in the queue wait for, in the scheduler's words, with numbers.
fn reasons(sight: &Sight) -> Vec<(String, usize)> {
    let mut reasons = std::collections::BTreeMap::new();
    for whereabouts in sight.jobs.values() {
        if let Whereabouts::Queued { why, starts, .. } = whereabouts {
            let starts = starts.as_ref().map_or(String::new(), |starts| format!(", begins {starts}"));
            *reasons.entry(format!("{why}{starts}")).or_insert(0) += 1;
        }
    }
    reasons.into_iter().collect()
}

/// Takes a table's tasks out of the queue.
pub fn cancel(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
    let cancelled = Slurm::cancel(plan.name(), &runs)?;
    if options.json {
        return ff_cli::print_json(&serde_json::json!({"tasks": cancelled}));
    }
    ff_cli::say(&match cancelled as u64 {
        0 => "nothing of this table is in the queue".to_owned(),
        tasks => format!("{} cancelled; another run goes on where they were", counted(tasks, "task")),
    });
    Ok(())
}
