//! `ff-grid run`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ff_cli::{DeviceChoice, GridProgress, TensorBoard, warn_of_precision};
use ff_grid::{
    Claims, ClusterConfig, Engine, Event, JobContext, Local, Plan, Results, RunStore, Slurm, Summary,
    device_name, render, write_results,
};
use ff_train::CancelToken;
use tch::Device;

use crate::plan::counted;
use crate::prepare;

#[derive(Args)]
pub struct RunOptions {
    #[command(flatten)]
    table: crate::TableOptions,
    /// Where to compute: auto (all GPUs, or the CPU), cpu, cuda:N, or several with commas between them, one worker each
    #[arg(long, default_value = "auto", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
    /// Who runs the jobs
    #[arg(long, value_enum, default_value = "local")]
    engine: EngineKind,
    /// What jobs ask of the cluster: a file that holds what [run.cluster] would, in its place
    #[arg(long, value_name = "FILE")]
    cluster: Option<PathBuf>,
    /// Stay until all that was sent off is done, then print the table
    #[arg(long)]
    wait: bool,
    /// Print the scripts that would be sent off; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Write learning curves for TensorBoard too, a folder for each job
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum EngineKind {
    /// Threads of this process
    Local,
    /// A cluster's queue, by sbatch
    Slurm,
}

/// Runs what is not done yet.
pub fn run(options: &RunOptions, verbose: u8) -> anyhow::Result<()> {
    let only =
        [("--wait", options.wait), ("--dry-run", options.dry_run), ("--cluster", options.cluster.is_some())];
    if let (EngineKind::Local, Some((option, _))) = (options.engine, only.iter().find(|(_, given)| *given)) {
        bail!("{option} is for --engine slurm\nhint: `ff-grid plan` prints the jobs of a table");
    }
    if let (EngineKind::Slurm, Some(_)) = (options.engine, &options.tensorboard) {
        bail!("--tensorboard is for --engine local");
    }
    let stop = ff_cli::stop_on_signals()?;
    let (plan, catalog, runs) = prepare(&options.table, &ff_cli::find_or_download)?;
    let missing = plan.missing();
    for why in &missing {
        ff_cli::say(&format!("left out: {why}"));
    }
    for remark in plan.remarks() {
        ff_cli::say(&format!("warning: {remark}"));
    }
    if !plan.can_run() {
        bail!(
            "nothing can be run: no column has both its data and its weights\n\
             hint: what is missing is said above; paths of datasets start at --data-root, now {}",
            options.table.data_root.display()
        );
    }
    // A login node has no GPU; what is sent off looks for its own.
    let devices = match options.engine {
        EngineKind::Local => DeviceChoice::find_all(&options.device)?,
        EngineKind::Slurm => vec![Device::Cpu],
    };
    let device = devices[0];
    if options.engine == EngineKind::Local {
        warn_of_precision(plan.model().precision, device);
    }
    let engine = local(&plan, devices);
    let loaders = plan.run().loaders_each(device, engine.threads);
    let catalog = catalog.stopped_by(stop.clone()).loading_on(loaders);
    if !options.dry_run {
        catalog.start();
    }
    let claims = Claims::new(plan.run().lease(), &device_name(device));
    // Jobs that are sent off need the same folder under the same name.
    let runs = match options.engine {
        EngineKind::Local => runs,
        EngineKind::Slurm => RunStore::new(&std::path::absolute(runs.root())?),
    };
    let context = JobContext {
        jobs: &plan.jobs,
        run: plan.run(),
        catalog: &catalog,
        runs: &runs,
        claims: &claims,
        stop: stop.clone(),
        device,
    };
    let progress = GridProgress::new(&plan, &runs);
    let tensorboard = options.tensorboard.as_deref().map(TensorBoard::new);
    let on_event = |event: Event<'_>| {
        if let (Some(board), Event::Epoch(job, epoch)) = (&tensorboard, &event) {
            board.epoch(job, epoch);
        }
        progress.event(event);
    };
    let summary = match options.engine {
        EngineKind::Local => engine.run(&context, &on_event)?,
        EngineKind::Slurm => {
            let engine = slurm(options, &plan, verbose)?;
            if options.dry_run {
                progress.finish();
                return print_scripts(&engine.scripts(&context)?);
            }
            engine.run(&context, &on_event)?
        }
    };
    progress.finish();
    finish(options, (&plan, &runs), &summary, (&claims, stop))
}

fn local(plan: &Plan, devices: Vec<Device>) -> Local {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = match plan.run().workers {
        0 if plan.model().image_size <= 64 && devices == [Device::Cpu] => cores,
        0 => devices.len(),
        workers => workers,
    };
    let threads = plan.run().threads_each(cores, workers);
    Local { workers, threads, devices, only: None }
}

fn slurm(options: &RunOptions, plan: &Plan, verbose: u8) -> anyhow::Result<Slurm> {
    let cluster = match &options.cluster {
        Some(path) => ClusterConfig::read(path)?,
        None => plan.run().cluster.clone(),
    };
    let device: Vec<String> = options.device.iter().map(DeviceChoice::to_string).collect();
    let mut to_task = vec!["--device".to_owned(), device.join(",")];
    to_task.extend((0..verbose).map(|_| "-v".to_owned()));
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    Ok(Slurm {
        table: plan.name().to_owned(),
        cluster,
        data_root: std::path::absolute(&options.table.data_root)?,
        program,
        options: to_task,
        wait: options.wait,
    })
}

fn print_scripts(scripts: &[(String, String)]) -> anyhow::Result<()> {
    for (name, script) in scripts {
        ff_cli::print(&format!("# {name}\n{script}\n"))?;
    }
    ff_cli::say(&format!("{} would be sent off", counted(scripts.len() as u64, "script")));
    Ok(())
}

/// Publishes the table, if it is time for it, and says how it went.
fn finish(
    options: &RunOptions,
    (plan, runs): (&Plan, &RunStore),
    summary: &Summary,
    (claims, stop): (&Claims, CancelToken),
) -> anyhow::Result<()> {
    if summary.stopped > 0 {
        bail!(
            "stopped: {} done, {} left; the same command goes on where it was",
            counted(summary.done as u64, "job"),
            summary.stopped
        );
    }
    if summary.queued > 0 || summary.no_room > 0 && summary.failed.is_empty() {
        let no_room = match summary.no_room as u64 {
            0 => String::new(),
            number => format!(
                "; {} more have no room there yet, and are sent by the next run",
                counted(number, "job")
            ),
        };
        let queued = counted(summary.queued as u64, "job");
        ff_cli::say(&format!(
            "{queued} in the queue, {} done{no_room}\n\
             `ff-grid status` says how it goes; the same command prints the table when all is done",
            summary.found + summary.done
        ));
        return Ok(());
    }
    // Another process may be at it.
    let written = claims.wait_for(&plan.folder(runs), &stop).and_then(|_claim| write_results(plan, runs));
    let (markdown, json) = match &written {
        Ok(Results { markdown, json, .. }) => (markdown.clone(), json.clone()),
        // What was finished before can be read where nothing can be written.
        Err(_) => render(plan, runs)?.into(),
    };
    ff_cli::print(&if options.table.json { json + "\n" } else { markdown })?;
    match written {
        Ok(published) => {
            published.files.iter().for_each(|path| ff_cli::say(&format!("wrote {}", path.display())));
        }
        Err(error) if summary.done > 0 => return Err(error).context("the table cannot be written"),
        Err(error) => ff_cli::say(&format!("warning: the table's files are not written anew: {error}")),
    }
    let done = counted(summary.done as u64, "job");
    ff_cli::say(&format!("{done} done, {} had been done before", summary.found));
    say_failures(summary)
}

/// What failed, as an error.
pub fn say_failures(summary: &Summary) -> anyhow::Result<()> {
    if summary.failed.is_empty() && summary.not_tried.is_empty() {
        return Ok(());
    }
    let failed: String = summary
        .failed
        .iter()
        .map(|(label, why)| format!("\n  {label}: {}", why.replace('\n', "\n    ")))
        .collect();
    let not_tried = match summary.not_tried.len() as u64 {
        0 => String::new(),
        number => format!(", and {} not tried that need what failed", counted(number, "job")),
    };
    bail!("{} failed{not_tried}:{failed}", counted(summary.failed.len() as u64, "job"))
}
