//! `ff-grid plan`: the jobs of a table and their cost.

use std::collections::BTreeMap;

use ff_grid::{Cost, JobSpec, Plan};
use serde::Serialize;

use super::options::{TableOptions, prepare};

/// Totals of the jobs of one kind.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Count {
    pub jobs: usize,
    pub done: usize,
    pub blocked: usize,
    #[serde(flatten)]
    pub cost: Cost,
}

/// Returns the totals of each kind of job that the plan has.
pub fn counts(plan: &Plan, done: &BTreeMap<&str, f64>) -> Vec<(&'static str, Count)> {
    let mut counts: Vec<_> = JobSpec::KINDS.iter().map(|&kind| (kind, Count::default())).collect();
    for job in plan.jobs.iter() {
        let place =
            JobSpec::KINDS.iter().position(|kind| *kind == job.spec.kind()).expect("all kinds are listed");
        let count = &mut counts[place].1;
        count.jobs += 1;
        count.blocked += usize::from(job.blocked.is_some());
        count.done += usize::from(done.contains_key(job.id.as_str()));
        count.cost += job.cost;
    }
    counts.into_iter().filter(|(_, count)| count.jobs > 0).collect()
}

/// Prints the jobs and their cost.
pub fn plan(options: &TableOptions) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &crate::hub::find_cached)?;
    let done = runs.finished(&plan.jobs)?;
    let counts = counts(&plan, &done);
    let missing = plan.missing();
    if options.json {
        let jobs: Vec<_> = plan
            .jobs
            .iter()
            .map(|job| {
                serde_json::json!({"id": job.id, "kind": job.spec.kind(), "label": job.label,
                    "inputs": job.inputs, "cost": job.cost, "blocked": job.blocked})
            })
            .collect();
        let total: BTreeMap<_, _> = counts.iter().copied().collect();
        return crate::output::print_json(
            &serde_json::json!({"jobs": jobs, "total": total, "missing": missing,
            "remarks": plan.remarks()}),
        );
    }
    let mut text = String::new();
    for job in plan.jobs.iter() {
        let state = match (&job.blocked, done.contains_key(job.id.as_str())) {
            (Some(_), _) => "missing ",
            (None, true) => "done    ",
            (None, false) => "to do   ",
        };
        let Cost { epochs, train_images, evaluated_images, .. } = job.cost;
        let unknown = job.blocked.is_some() && evaluated_images == 0 && job.cost.evaluations > 0;
        let cost = match job.spec {
            JobSpec::Evaluate { .. } | JobSpec::Verdict { .. } | JobSpec::Plane(_) | JobSpec::Surface(_) => {
                String::new()
            }
            JobSpec::GreedyBarriers(_) => format!("  at most {evaluated_images} images to evaluate"),
            JobSpec::Soup(_) if job.cost.evaluations == 0 => "  from the runs' own scores".to_owned(),
            JobSpec::Forecast(_) if job.cost.evaluations == 0 => "  without images".to_owned(),
            _ if unknown => "  of unknown size".to_owned(),
            _ if epochs > 0 => format!("  {}, {train_images} images", counted(epochs, "epoch")),
            _ => format!("  {evaluated_images} images to evaluate"),
        };
        text += &format!("{state} {:9} {}  {}{cost}\n", job.spec.kind(), job.id, job.label);
    }
    text += "\n";
    text += &summary(&counts);
    text += &missing_text(&missing);
    for remark in plan.remarks() {
        text += &format!("\nwarning: {remark}\n");
    }
    crate::output::print(&text)
}

/// Formats a line for each kind of job, and one for all.
pub fn summary(counts: &[(&'static str, Count)]) -> String {
    let mut text = format!(
        "{:9} {:>5} {:>5} {:>7} {:>8} {:>14} {:>16}\n",
        "kind", "jobs", "done", "missing", "epochs", "images trained", "images evaluated"
    );
    let mut total = Count::default();
    let mut line = |kind: &str, count: &Count| {
        text += &format!(
            "{kind:9} {:>5} {:>5} {:>7} {:>8} {:>14} {:>16}\n",
            count.jobs,
            count.done,
            count.blocked,
            count.cost.epochs,
            count.cost.train_images,
            count.cost.evaluated_images
        );
    };
    for (kind, count) in counts {
        line(kind, count);
        total.jobs += count.jobs;
        total.done += count.done;
        total.blocked += count.blocked;
        total.cost += count.cost;
    }
    line("all", &total);
    text
}

/// Formats a number with its noun: `1 job`, `2 jobs`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Formats the list of missing data and weights.
pub fn missing_text(missing: &[String]) -> String {
    match missing {
        [] => String::new(),
        missing => {
            let lines = missing.iter().map(|why| format!("  {}\n", why.replace('\n', "\n  ")));
            format!("\nmissing:\n{}", lines.collect::<String>())
        }
    }
}
