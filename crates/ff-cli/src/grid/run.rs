//! `ff-grid run`: runs a table's jobs and writes its results.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ff_grid::{
    Claims, ClusterConfig, ENGINES, EngineKind, EngineSetup, Event, JobContext, Plan, Results, RunStore,
    Summary, device_name, render, write_results,
};
use ff_train::CancelToken;
use itertools::Itertools;
use tch::Device;
use tracing::info;

use super::begin::begin;
use super::beside::{Beside, stop_with_parent};
use super::options::prepare;
use super::progress::GridProgress;
use super::words::{counted, indented};
use crate::device::{DeviceChoice, warn_of_precision};
use crate::options::{Common, GLOBAL};
use crate::output::say;
use crate::tensorboard::TensorBoard;

/// A table, and how to run it.
#[derive(Args)]
pub struct RunOptions {
    #[command(flatten)]
    table: super::options::TableOptions,
    /// Devices, separated by commas: auto, cpu or cuda:N; one worker each
    ///
    /// auto: all GPUs, or the CPU if there is none.
    #[arg(long, default_value = "auto", value_delimiter = ',', help_heading = GLOBAL)]
    device: Vec<DeviceChoice>,
    /// Engine that runs the jobs
    #[arg(long, value_parser = engines(), default_value = ENGINES[0].name)]
    engine: &'static EngineKind,
    /// File of cluster settings, in place of the configuration's [run.cluster]
    #[arg(long, value_name = "FILE")]
    cluster: Option<PathBuf>,
    /// Wait until all submitted jobs are done, then print the table
    #[arg(long)]
    wait: bool,
    /// Print the job scripts without submitting them
    #[arg(long)]
    dry_run: bool,
    /// Run jobs on this device beside the process that has started this one, and write no table
    #[arg(long, hide = true)]
    beside: Option<DeviceChoice>,
    /// Write learning curves for TensorBoard to this folder, one folder a job
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

impl RunOptions {
    /// Runs a table on this machine.
    pub(crate) fn local(table: super::options::TableOptions, device: DeviceChoice) -> Self {
        Self {
            table,
            device: vec![device],
            engine: ENGINES[0],
            cluster: None,
            wait: false,
            dry_run: false,
            beside: None,
            tensorboard: None,
        }
    }
}

/// Parses an engine's name.
fn engines() -> impl TypedValueParser<Value = &'static EngineKind> {
    let values = ENGINES.map(|kind| PossibleValue::new(kind.name).help(kind.about));
    PossibleValuesParser::new(values)
        .map(|name| ENGINES.into_iter().find(|kind| kind.name == name).expect("one of the possible values"))
}

/// Refuses options that do not go with the engine.
fn check(options: &RunOptions) -> anyhow::Result<()> {
    let queued = options.engine.queued;
    let only =
        [("--wait", options.wait), ("--dry-run", options.dry_run), ("--cluster", options.cluster.is_some())];
    let names =
        |queued: bool| ENGINES.iter().filter(|kind| kind.queued == queued).map(|kind| kind.name).join(" or ");
    if let (false, Some((option, _))) = (queued, only.iter().find(|(_, given)| *given)) {
        bail!("{option} requires --engine {}\nhint: `ff-grid plan` prints the jobs of a table", names(true));
    }
    if queued && options.device.len() > 1 {
        bail!(
            "--device: expected one device with --engine {}, since a task has one; found {}\n\
             hint: leave --device out, and request GPUs for each task with run.cluster.gpus",
            options.engine.name,
            options.device.len()
        );
    }
    if queued && options.tensorboard.is_some() {
        bail!("--tensorboard requires --engine {}", names(false));
    }
    Ok(())
}

/// Runs the jobs that are not done yet, then writes and prints the table.
pub fn run(options: &RunOptions, common: &Common) -> anyhow::Result<()> {
    check(options)?;
    let queued = options.engine.queued;
    let stop = crate::signals::stop_on_signals()?;
    if options.beside.is_some() {
        stop_with_parent(stop.clone());
    }
    let hub = crate::hub::find_or_download(&options.table.runs.runs);
    let (plan, catalog, runs) = prepare(&options.table, &hub)?;
    let missing = plan.missing();
    if !plan.can_run() {
        bail!("nothing can be run: {}", causes(&missing, &options.table.config.data_root));
    }
    for why in &missing {
        say(&format!("warning: left out: {why}"));
    }
    for remark in plan.remarks() {
        say(&format!("warning: {remark}"));
    }
    if queued && plan.run().jobs_per_device > 1 {
        bail!(
            "run.jobs_per_device: expected 1 with --engine {}, found {}\n\
             hint: a task runs several jobs at once with run.workers",
            options.engine.name,
            plan.run().jobs_per_device
        );
    }
    // A login node has no GPU; submitted tasks find their own devices.
    let devices = match options.beside {
        Some(device) => vec![device.find()?],
        None if queued => vec![Device::Cpu],
        None => DeviceChoice::find_all(&options.device)?,
    };
    let device = devices[0];
    if !queued {
        warn_of_precision(plan.model().precision, device);
    }
    let setup = setup(options, &plan, devices, common)?;
    let loaders = plan.run().loaders_each(device, setup.threads);
    let catalog = catalog.stopped_by(stop.clone()).loading_on(loaders);
    let claims = Claims::new(plan.run().lease(), &device_name(device));
    // Submitted tasks need the runs folder under an absolute path.
    let runs = if queued { RunStore::new(&std::path::absolute(runs.root())?) } else { runs };
    if !options.dry_run {
        catalog.start();
    }
    let context = JobContext {
        jobs: &plan.jobs,
        run: plan.run(),
        catalog: &catalog,
        runs: &runs,
        claims: &claims,
        stop: stop.clone(),
        device,
    };
    let is_beside = options.beside.is_some();
    // The process that has started this one says and notes it all.
    let progress = match is_beside || options.dry_run {
        true => None,
        false => {
            let found = runs.finished(&plan.jobs)?;
            begin(&plan, &runs, &found, setup.workers)?;
            Some(GridProgress::new(&plan.jobs, &runs, found))
        }
    };
    let tensorboard = options.tensorboard.as_deref().map(TensorBoard::new);
    let on_event = |event: Event<'_>| {
        if let (Some(board), Event::Epoch(job, epoch)) = (&tensorboard, &event) {
            board.epoch(job, epoch);
        }
        if let Some(progress) = &progress {
            progress.event(event);
        }
    };
    let others = if is_beside || queued { 0 } else { plan.run().jobs_per_device - 1 };
    let beside = Beside::start(&setup.devices, others, setup.threads)?;
    let engine = (options.engine.new)(setup);
    if options.dry_run {
        return print_scripts(&engine.dry_run(&context)?);
    }
    let work = || beside.run(&*engine, &context, &on_event);
    let summary = match &progress {
        Some(progress) => progress.during(work),
        None => work(),
    }?;
    if is_beside {
        return Ok(());
    }
    finish(options, &plan, &runs, &summary, &claims, stop)
}

fn setup(
    options: &RunOptions,
    plan: &Plan,
    devices: Vec<Device>,
    common: &Common,
) -> anyhow::Result<EngineSetup> {
    let each = plan.run().jobs_per_device;
    let workers = workers_of(plan, &devices) - devices.len() * (each - 1);
    let cluster = match &options.cluster {
        Some(path) => ClusterConfig::read(path)?,
        None => plan.run().cluster.clone(),
    };
    let device: Vec<String> = options.device.iter().map(DeviceChoice::to_string).collect();
    let mut to_task = vec!["--device".to_owned(), device.join(",")];
    to_task.extend(common.arguments());
    Ok(EngineSetup {
        table: plan.name().to_owned(),
        cluster,
        data_root: std::path::absolute(&options.table.config.data_root)?,
        program: std::env::current_exe().context("the path of this program cannot be found")?,
        options: to_task,
        wait: options.wait,
        workers,
        threads: plan.run().threads_each(cores(), workers + devices.len() * (each - 1)),
        devices,
    })
}

/// Formats why no column of a table can be run.
fn causes(missing: &[String], data_root: &Path) -> String {
    let listed = match missing {
        [why] => why.clone(),
        all => all.iter().map(|why| format!("\n  {}", indented(why))).collect(),
    };
    // The other causes have hints of their own.
    match missing.iter().any(|why| !why.contains("\nhint:")) {
        true => {
            format!("{listed}\nhint: dataset paths are relative to --data-root, now {}", data_root.display())
        }
        false => listed,
    }
}

/// Returns the number of jobs at once on devices, in this process and beside it.
pub fn workers_of(plan: &Plan, devices: &[Device]) -> usize {
    let each = plan.run().jobs_per_device;
    let here = match plan.run().workers {
        0 if plan.model().image_size <= 64 && *devices == [Device::Cpu] && each == 1 => cores(),
        0 => devices.len(),
        workers => workers,
    };
    here + devices.len() * (each - 1)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn print_scripts(scripts: &[(String, String)]) -> anyhow::Result<()> {
    for (name, script) in scripts {
        crate::output::print(&format!("# {name}\n{script}\n"))?;
    }
    say(&format!("{} would be submitted", counted(scripts.len() as u64, "script")));
    Ok(())
}

/// Writes and prints the table unless jobs are interrupted or queued, and reports what was done.
fn finish(
    options: &RunOptions,
    plan: &Plan,
    runs: &RunStore,
    summary: &Summary,
    claims: &Claims,
    stop: CancelToken,
) -> anyhow::Result<()> {
    if summary.stopped > 0 {
        bail!(
            "interrupted: {} done, {} left; run the same command again to resume",
            counted(summary.done as u64, "job"),
            summary.stopped
        );
    }
    if summary.queued > 0 || summary.no_room > 0 && summary.failed.is_empty() {
        let no_room = match summary.no_room as u64 {
            0 => String::new(),
            number => format!(
                "; {} more do not fit in the queue yet: run the same command again to submit them",
                counted(number, "job")
            ),
        };
        let queued = counted(summary.queued as u64, "job");
        say(&format!(
            "{queued} in the queue, {} done{no_room}\n\
             hint: `ff-grid status` shows progress; when all are done, the same command prints the table",
            summary.found + summary.done
        ));
        return Ok(());
    }
    // Another process may be writing the same table.
    let written = claims.wait_for(&plan.folder(runs), &stop).and_then(|_claim| write_results(plan, runs));
    let (markdown, json) = match &written {
        Ok(Results { markdown, json, .. }) => (markdown.clone(), json.clone()),
        // Finished tables can be printed where nothing can be written.
        Err(_) => render(plan, runs)?.into(),
    };
    crate::output::print(&if options.table.json { json + "\n" } else { markdown })?;
    match written {
        Ok(published) => {
            let folder = plan.folder(runs);
            let names = published.files.iter().filter_map(|path| path.strip_prefix(&folder).ok());
            info!("results in {}: {}", folder.display(), names.map(|name| name.display()).join(", "));
        }
        Err(error) if summary.done > 0 => return Err(error).context("the table cannot be written"),
        Err(error) => say(&format!("warning: the table's files are not updated: {error}")),
    }
    let done = counted(summary.done as u64, "job");
    info!("{done} done, {} already done; `ff-grid report` writes a page with all results", summary.found);
    say_failures(summary)
}

/// Returns an error that lists the failed jobs, if there are any.
pub fn say_failures(summary: &Summary) -> anyhow::Result<()> {
    if summary.failed.is_empty() && summary.skipped.is_empty() {
        return Ok(());
    }
    let failed: String = summary
        .failed
        .iter()
        .map(|(label, why)| format!("\n  {label}: {}", why.replace('\n', "\n    ")))
        .collect();
    let skipped = match summary.skipped.len() as u64 {
        0 => String::new(),
        number => format!(", {} skipped that depend on failed jobs", counted(number, "job")),
    };
    bail!("{} failed{skipped}:{failed}", counted(summary.failed.len() as u64, "job"))
}
