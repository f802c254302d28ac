//! `ff-grid plan`: what a table consists of, and what it costs.

use std::collections::BTreeMap;

use clap::Args;
use ff_grid::{Catalog, Cost, DiskSpace, Job, JobSpec, Plan, disk_space, networks};
use serde::Serialize;
use serde_json::json;

use super::options::{TableOptions, prepare};
use super::time::{TimeOptions, UNKNOWN, is_unknown, is_without_images};
use super::words::{counted, digits, indented, spoken_bytes};

/// A table, and what to print of its plan.
#[derive(Args)]
pub struct PlanOptions {
    #[command(flatten)]
    table: TableOptions,
    /// List the jobs too, with their state and cost
    #[arg(long)]
    jobs: bool,
    #[command(flatten)]
    time: TimeOptions,
}

/// Totals of the jobs of one kind.
#[derive(Clone, Copy, Default, Serialize)]
struct Count {
    jobs: usize,
    done: usize,
    blocked: usize,
    #[serde(flatten)]
    cost: Cost,
}

/// A dataset, and the numbers of images in its splits; `None` if the data is missing.
#[derive(Serialize)]
struct Images {
    name: String,
    images: Option<[usize; 3]>,
}

/// Prints the datasets, networks, jobs, disk space and time of a table.
pub fn plan(options: &PlanOptions) -> anyhow::Result<()> {
    let (plan, catalog, runs) = prepare(&options.table, &crate::hub::find_cached)?;
    let done = runs.finished(&plan.jobs)?;
    let todo = || plan.jobs.iter().filter(|job| !done.contains_key(job.id.as_str()));
    let (counts, missing) = (counts(&plan, &done), plan.missing());
    let datasets = datasets(&plan, &catalog);
    let space = disk_space(todo(), &catalog);
    let time = options.time.estimate(&plan, &done)?;
    if options.table.json {
        let job = |job: &Job| {
            json!({"id": job.id, "kind": job.spec.kind(), "label": job.label, "inputs": job.inputs,
                "cost": job.cost, "blocked": job.blocked, "done": done.contains_key(job.id.as_str())})
        };
        let jobs: Vec<_> = plan.jobs.iter().map(job).collect();
        let total: BTreeMap<_, _> = counts.iter().copied().collect();
        return crate::output::print_json(&json!({
            "name": plan.name(), "datasets": datasets, "networks": networks(plan.jobs.iter()),
            "jobs": jobs, "total": total, "missing": missing, "remarks": plan.remarks(),
            "disk_bytes": space, "time": time}));
    }
    let mut text = String::new();
    if options.jobs {
        text = plan.jobs.iter().map(|job| line(job, done.contains_key(job.id.as_str()))).collect();
        text += &time.as_ref().map_or(String::new(), |time| time.chain_text(&plan));
        text += "\n";
    }
    text += &format!("{}\n\n{}\n", plan.name(), columns(&plan, &datasets));
    text += &summary(&counts);
    text += &format!("\n{}", disk_text(&space));
    text += &match &time {
        Some(time) => time.text(&plan),
        None => UNKNOWN.to_owned(),
    };
    if !missing.is_empty() {
        let lines = missing.iter().map(|why| format!("  {}\n", indented(why)));
        text += &format!("\nblocked:\n{}", lines.collect::<String>());
    }
    for remark in plan.remarks() {
        text += &format!("\nwarning: {remark}\n");
    }
    crate::output::print(&text)
}

/// Returns the totals of each kind of job that the plan has.
fn counts(plan: &Plan, done: &BTreeMap<&str, f64>) -> Vec<(&'static str, Count)> {
    let mut counts: Vec<_> = JobSpec::KINDS.iter().map(|&kind| (kind, Count::default())).collect();
    for job in plan.jobs.iter() {
        let of_kind = counts.iter_mut().find(|(kind, _)| *kind == job.spec.kind());
        let (_, count) = of_kind.expect("all kinds are listed");
        count.jobs += 1;
        count.blocked += usize::from(job.blocked.is_some());
        count.done += usize::from(done.contains_key(job.id.as_str()));
        count.cost += job.cost;
    }
    counts.into_iter().filter(|(_, count)| count.jobs > 0).collect()
}

/// Returns the datasets of a table with their sizes.
fn datasets(plan: &Plan, catalog: &Catalog) -> Vec<Images> {
    let sources = plan.table.experiment().sources();
    let images = sources.into_iter().map(|(name, source)| {
        let splits = catalog.open(&source).ok().map(|data| data.splits.clone());
        let images = splits.map(|of| [of.train.len(), of.val.len(), of.test.len()]);
        Images { name, images }
    });
    images.collect()
}

/// Formats a line for each dataset and each network.
fn columns(plan: &Plan, datasets: &[Images]) -> String {
    let mut text = format!("{:24} {:>9} {:>9} {:>9}\n", "dataset", "train", "val", "test");
    for Images { name, images } in datasets {
        text += &match images {
            Some(of) => {
                format!("{name:24} {}\n", of.map(|number| format!("{:>9}", digits(number as u64))).join(" "))
            }
            None => format!("{name:24} {:>9}\n", "blocked"),
        };
    }
    text += &format!("\n{:24} {:>9} {:>9} {:>9}\n", "network", "pixels", "weights", "precision");
    for network in networks(plan.jobs.iter()) {
        let weights = network.cost().map_or(0, |cost| cost.weights) as f64 / 1e6;
        let (name, side, precision) = (network.architecture.name, network.image_size, network.precision);
        text +=
            &format!("{name:24} {side:>9} {:>9} {:>9}\n", format!("{weights:.1} M"), precision.to_string());
    }
    text
}

/// Formats the line of a job.
fn line(job: &Job, done: bool) -> String {
    let state = match (&job.blocked, done) {
        (Some(_), _) => "blocked ",
        (None, true) => "done    ",
        (None, false) => "to do   ",
    };
    let Cost { epochs, train_images, evaluated_images, evaluations } = job.cost;
    let cost = match job.spec {
        ref spec if is_without_images(spec) => String::new(),
        JobSpec::GreedyBarriers(_) => format!("  at most {evaluated_images} images to evaluate"),
        JobSpec::Soup(_) if evaluations == 0 => "  from the runs' own scores".to_owned(),
        JobSpec::Forecast(_) if evaluations == 0 => "  without images".to_owned(),
        _ if is_unknown(job) => "  of unknown size".to_owned(),
        _ if epochs > 0 => format!("  {}, {train_images} images", counted(epochs, "epoch")),
        _ => format!("  {evaluated_images} images to evaluate"),
    };
    format!("{state} {:9} {}  {}{cost}\n", job.spec.kind(), job.id, job.label)
}

/// Formats a line for each kind of job, and one for all.
fn summary(counts: &[(&'static str, Count)]) -> String {
    let mut text = format!(
        "{:15} {:>6} {:>6} {:>6} {:>8} {:>7} {:>15} {:>16}\n",
        "kind", "jobs", "done", "to do", "blocked", "epochs", "images trained", "images evaluated"
    );
    let mut total = Count::default();
    let mut line = |kind: &str, count: &Count| {
        let Count { jobs, done, blocked, cost: Cost { epochs, train_images, evaluated_images, .. } } = *count;
        let numbers = [jobs, done, jobs - done - blocked, blocked].map(|number| digits(number as u64));
        let [jobs, done, todo, blocked] = &numbers;
        text += &format!(
            "{kind:15} {jobs:>6} {done:>6} {todo:>6} {blocked:>8} {:>7} {:>15} {:>16}\n",
            digits(epochs),
            digits(train_images),
            digits(evaluated_images)
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

/// Formats the disk space that the jobs take which are not done.
fn disk_text(space: &DiskSpace) -> String {
    let &DiskSpace { models, weights, predictions, images, resume_points } = space;
    let images = match images {
        0 => String::new(),
        bytes => format!(", up to {} of resized images", spoken_bytes(bytes)),
    };
    let training = match resume_points {
        0 => String::new(),
        bytes => format!("; {} more for each worker while it trains", spoken_bytes(bytes)),
    };
    format!(
        "disk: {} for the jobs that are not done: {} in weights of {}, {} of predictions{images}{training}\n",
        spoken_bytes(space.total()),
        spoken_bytes(weights),
        counted(models, "model"),
        spoken_bytes(predictions)
    )
}
