//! Plans, runs and reports a whole table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ff_cli::{BadImage, Common, DeviceChoice, GridProgress, ReportOptions, TensorBoard};
use ff_grid::{
    Catalog, Claimed, Claims, Cost, Engine, Event, Finding, HubResolver, Local, Plan, Published, Recipe,
    Remedy, RunConfig, Runs, Study, Workshop, device_name, examine, publish,
};
use ff_train::Stop;
use serde::Serialize;

/// A table from one configuration: images and pretrained weights in; every model, the soups, the table and the
/// record of each choice out. What is done is never done again, also when another table needs it.
#[derive(Parser)]
#[command(name = "ff-grid", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Print the jobs and what they cost; run nothing
    Plan(Options),
    /// Run what is not done yet, then print the table
    Run {
        #[command(flatten)]
        options: Options,
        /// Where to compute: auto, cpu or cuda:N
        #[arg(long, default_value = "auto")]
        device: DeviceChoice,
        /// Who runs the jobs
        #[arg(long, value_enum, default_value = "local")]
        engine: EngineKind,
        /// Write learning curves for TensorBoard too, a folder for each job
        #[arg(long, value_name = "DIR")]
        tensorboard: Option<PathBuf>,
    },
    /// Look at a running grid: jobs, speed, learning curves, the best so far; q leaves, the grid runs on
    Watch(Options),
    /// Say how much of it is done
    Status(Options),
    /// Draw figures as PNG too, beside the SVG files (a program built with `--features png` has this)
    #[cfg(feature = "png")]
    Png {
        /// SVG files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Look for damage in a runs folder: every record, file of weights and prediction is read and checked
    Doctor {
        /// Folder for everything that is made
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
        /// Set what is damaged aside (RUNS/set-aside), so that the next run makes just that again
        #[arg(long)]
        repair: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write one HTML page that shows what was found, from the records
    Report(ReportOptions),
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineKind {
    /// Threads of this process
    Local,
}

#[derive(Args)]
struct Options {
    /// The table's configuration
    #[arg(long)]
    config: PathBuf,
    /// Folder that the configuration's dataset paths start at
    #[arg(long, env = "FF_DATA_ROOT", default_value = "data")]
    data_root: PathBuf,
    /// Folder for everything that is made
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Put another value in place of the configuration's: a dotted key, such as fgg.epochs=5
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What an image that cannot be read does; else the configuration's run.on_bad_image says it
    #[arg(long, value_enum)]
    on_bad_image: Option<BadImage>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    ff_cli::main(&cli.common, || match &cli.command {
        Command::Plan(options) => plan(options),
        Command::Run { options, device, engine, tensorboard } => {
            run(options, (*device, *engine), tensorboard.as_deref())
        }
        Command::Watch(options) => {
            let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
            ff_cli::watch(&plan, &runs, options.json)
        }
        Command::Status(options) => status(options),
        #[cfg(feature = "png")]
        Command::Png { files } => {
            ff_cli::png_beside(files)?
                .iter()
                .for_each(|path| ff_cli::say(&format!("wrote {}", path.display())));
            Ok(())
        }
        Command::Doctor { runs, repair, json } => doctor(runs, *repair, *json),
        Command::Report(options) => ff_cli::write_report(options),
    })
}

fn prepare(options: &Options, hub: HubResolver<'_>) -> anyhow::Result<(Plan, Catalog, Runs)> {
    let mut study = Study::read(&options.config, &options.set)?;
    let run = study.run_mut();
    run.on_bad_image = options.on_bad_image.map_or(run.on_bad_image, Into::into);
    let catalog = Catalog::of(&study, &options.data_root, &options.runs);
    let plan = Plan::new(study, &catalog, hub);
    Ok((plan, catalog, Runs::new(&options.runs)))
}

/// Jobs of one kind, added up.
#[derive(Clone, Copy, Default, Serialize)]
struct Count {
    jobs: usize,
    done: usize,
    blocked: usize,
    #[serde(flatten)]
    cost: Cost,
}

const KINDS: [&str; 12] = [
    "pretrain",
    "probe",
    "finetune",
    "fgg",
    "soup",
    "predict",
    "evaluate",
    "plane",
    "plane-row",
    "surface",
    "path",
    "tries",
];

fn counts(plan: &Plan, runs: &Runs) -> anyhow::Result<Vec<(&'static str, Count)>> {
    let mut counts = KINDS.map(|kind| (kind, Count::default()));
    for job in &plan.jobs {
        let place = KINDS.iter().position(|kind| *kind == job.recipe.kind()).expect("all kinds are listed");
        let count = &mut counts[place].1;
        count.jobs += 1;
        count.blocked += usize::from(job.blocked.is_some());
        count.done += usize::from(job.blocked.is_none() && runs.record(job)?.is_some());
        count.cost += job.cost;
    }
    Ok(counts.into_iter().filter(|(_, count)| count.jobs > 0).collect())
}

fn plan(options: &Options) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
    let counts = counts(&plan, &runs)?;
    let missing = plan.missing();
    if options.json {
        let jobs: Vec<_> = plan
            .jobs
            .iter()
            .map(|job| {
                serde_json::json!({"id": job.id, "kind": job.recipe.kind(), "label": job.label,
                    "inputs": job.inputs, "cost": job.cost, "blocked": job.blocked})
            })
            .collect();
        let total: serde_json::Map<_, _> =
            counts.iter().map(|(kind, count)| ((*kind).to_owned(), serde_json::json!(count))).collect();
        return ff_cli::print_json(&serde_json::json!({"jobs": jobs, "total": total, "missing": missing}));
    }
    let mut text = String::new();
    for job in &plan.jobs {
        let state = match (&job.blocked, runs.record(job)?.is_some()) {
            (Some(_), _) => "missing ",
            (None, true) => "done    ",
            (None, false) => "to do   ",
        };
        let Cost { epochs, train_images, evaluated_images, .. } = job.cost;
        let unknown = job.blocked.is_some() && evaluated_images == 0 && job.cost.evaluations > 0;
        let cost = match job.recipe {
            Recipe::Evaluate { .. } | Recipe::Plane(_) | Recipe::Surface(_) => String::new(),
            Recipe::Tries(_) => format!("  at most {evaluated_images} images to evaluate"),
            Recipe::Soup { .. } if job.cost.evaluations == 0 => "  from the runs' own scores".to_owned(),
            _ if unknown => "  of unknown size".to_owned(),
            _ if epochs > 0 => format!("  {}, {train_images} images", counted(epochs, "epoch")),
            _ => format!("  {evaluated_images} images to evaluate"),
        };
        text += &format!("{state} {:9} {}  {}{cost}\n", job.recipe.kind(), job.id, job.label);
    }
    text += "\n";
    text += &summary(&counts);
    text += &missing_text(&missing);
    ff_cli::print(&text)
}

fn summary(counts: &[(&'static str, Count)]) -> String {
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

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn missing_text(missing: &[String]) -> String {
    match missing {
        [] => String::new(),
        missing => {
            let lines = missing.iter().map(|why| format!("  {}\n", why.replace('\n', "\n  ")));
            format!("\nmissing:\n{}", lines.collect::<String>())
        }
    }
}

fn status(options: &Options) -> anyhow::Result<()> {
    let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
    let counts = counts(&plan, &runs)?;
    let missing = plan.missing();
    if options.json {
        let total: serde_json::Map<_, _> =
            counts.iter().map(|(kind, count)| ((*kind).to_owned(), serde_json::json!(count))).collect();
        return ff_cli::print_json(&serde_json::json!({"total": total, "missing": missing}));
    }
    ff_cli::print(&(summary(&counts) + &missing_text(&missing)))
}

fn doctor(root: &Path, repair: bool, json: bool) -> anyhow::Result<()> {
    if !root.is_dir() {
        bail!("{}: expected a runs folder, found none", root.display());
    }
    let runs = Runs::new(root);
    let findings = examine(&runs)?;
    if repair {
        ff_grid::repair(&runs, &Claims::new(RunConfig::default().lease(), "none"), &findings)?;
    }
    if json {
        ff_cli::print_json(&serde_json::json!({"findings": findings, "repaired": repair}))?;
    } else {
        for Finding { path, trouble, remedy } in &findings {
            let remedy = match (remedy, repair) {
                (Remedy::Wait, _) => "left alone",
                (Remedy::RunAgain, false) => "to be set aside, and the job run again",
                (Remedy::RunAgain, true) => "set aside; the next run does the job again",
                (Remedy::SetAside, false) => "to be set aside",
                (Remedy::SetAside, true) => "set aside",
                (Remedy::Remove, false) => "to be removed",
                (Remedy::Remove, true) => "removed",
            };
            let trouble = trouble.lines().next().unwrap_or_default();
            ff_cli::print(&format!("{}: {trouble}\n  {remedy}\n", path.display()))?;
        }
    }
    let troubles = findings.iter().filter(|finding| finding.remedy != Remedy::Wait).count();
    match (troubles as u64, repair) {
        (0, _) => ff_cli::say("nothing is damaged"),
        (troubles, true) => ff_cli::say(&format!("{} repaired", counted(troubles, "finding"))),
        (troubles, false) => {
            bail!("{}\nhint: --repair does what stands below each", counted(troubles, "finding"))
        }
    }
    Ok(())
}

fn run(
    options: &Options,
    (device, engine): (DeviceChoice, EngineKind),
    tensorboard: Option<&Path>,
) -> anyhow::Result<()> {
    ff_cli::keep_freed_memory();
    let stop = ff_cli::stop_on_signals()?;
    let (plan, catalog, runs) = prepare(options, &ff_cli::find_or_download)?;
    let catalog = catalog.stopped_by(stop.clone());
    let missing = plan.missing();
    for why in &missing {
        ff_cli::say(&format!("left out: {why}"));
    }
    if !plan.can_run() {
        bail!(
            "nothing can be run: no column has both its data and its weights\n\
             hint: what is missing is said above; paths of datasets start at --data-root, now {}",
            options.data_root.display()
        );
    }
    let device = device.find()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = match plan.run().workers {
        0 if plan.model().px <= 64 && device == tch::Device::Cpu => cores,
        0 => 1,
        workers => workers,
    };
    let EngineKind::Local = engine;
    let threads = match plan.run().threads {
        0 => (cores / workers).max(1),
        threads => threads,
    };
    let engine = Local { workers, threads };
    let progress = GridProgress::new(&plan, &runs);
    let claims = Claims::new(plan.run().lease(), &device_name(device));
    let workshop =
        Workshop { plan: &plan, catalog: &catalog, runs: &runs, claims: &claims, stop: stop.clone(), device };
    let tensorboard = tensorboard.map(TensorBoard::new);
    let on_event = |event: Event<'_>| {
        if let (Some(board), Event::Epoch(job, epoch)) = (&tensorboard, &event) {
            board.epoch(job, epoch);
        }
        progress.event(event);
    };
    let summary = engine.run(&workshop, &on_event)?;
    progress.finish();
    if summary.stopped > 0 {
        bail!(
            "stopped: {} done, {} left; the same command goes on where it was",
            counted(summary.done as u64, "job"),
            summary.stopped
        );
    }

    let published = publish_alone(&plan, &runs, (&claims, stop)).context("the table cannot be written")?;
    ff_cli::print(&if options.json { published.json + "\n" } else { published.markdown })?;
    for path in &published.files {
        ff_cli::say(&format!("wrote {}", path.display()));
    }
    let done = counted(summary.done as u64, "job");
    ff_cli::say(&format!("{done} done, {} had been done before", summary.found));
    if summary.failed.is_empty() && summary.not_tried.is_empty() {
        return Ok(());
    }
    let failed: String = summary.failed.iter().map(|(label, why)| format!("\n  {label}: {why}")).collect();
    let not_tried = match summary.not_tried.len() as u64 {
        0 => String::new(),
        number => format!(", and {} not tried that need what failed", counted(number, "job")),
    };
    bail!("{} failed{not_tried}:{failed}", counted(summary.failed.len() as u64, "job"))
}

/// Writes the table when no other process is at it.
fn publish_alone(plan: &Plan, runs: &Runs, (claims, stop): (&Claims, Stop)) -> anyhow::Result<Published> {
    let folder = plan.folder(runs);
    loop {
        stop.check()?;
        if let Claimed::Ours(_claim) = claims.take(&folder, Stop::default())? {
            return Ok(publish(plan, runs)?);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
