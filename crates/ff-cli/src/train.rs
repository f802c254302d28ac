//! `ff-train`: one run of training.
//!
//! A single run is a plan of one job: it shares [`JobContext`] with the jobs of a table. Its folder
//! has the record of a table's job, but is named after the run instead of `jobs/KIND-ID`, so the
//! report, the doctor and `ff-soup verify` can read it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use ff_checkpoint::{cores, write_atomic};
use ff_grid::{
    Catalog, Claims, Experiment, JobContext, Plan, Record, RunConfig, RunKind, RunRecipe, RunStore,
    SingleRun, device_name,
};
use ff_train::EpochRecord;
use tracing::info;

use crate::device::{DeviceChoice, warn_of_precision};
use crate::hub::find_or_download;
use crate::options::{ConfigOptions, GLOBAL, RunsOption};
use crate::output::{print, say};
use crate::progress::{of_epoch, outcome as in_words};
use crate::signals::stop_on_signals;
use crate::source::BadImage;
use crate::tensorboard::EventFile;

/// A recipe, and how to run it.
#[derive(Args)]
pub struct TrainOptions {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    runs: RunsOption,
    /// Allow initial weights that were trained on these images in another split
    ///
    /// The record notes it.
    #[arg(long)]
    allow_other_split: bool,
    /// How to handle unreadable images
    #[arg(long, value_enum, default_value = "error")]
    on_bad_image: BadImage,
    /// Threads that load images; 0: load in the training thread
    ///
    /// Without it: 1 on the CPU, all cores but one with a GPU.
    #[arg(long, value_name = "THREADS")]
    loader_threads: Option<usize>,
    /// Minimum time between resume points, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0)]
    resume_minutes: f64,
    /// Use only deterministic algorithms on a GPU, for the same bits from run to run
    #[arg(long)]
    deterministic: bool,
    /// Write learning curves for TensorBoard to this folder
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Steps between resume points, in place of --resume-minutes
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    resume_steps: Option<u64>,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
}

impl TrainOptions {
    fn run_config(&self) -> anyhow::Result<RunConfig> {
        Duration::try_from_secs_f64(self.resume_minutes * 60.0).context("--resume-minutes")?;
        Ok(RunConfig {
            loader_threads: self.loader_threads,
            resume_minutes: self.resume_minutes,
            resume_steps: self.resume_steps.map(|steps| steps as usize),
            deterministic: self.deterministic,
            on_bad_image: self.on_bad_image.into(),
            allow_other_split: self.allow_other_split,
            ..RunConfig::default()
        })
    }
}

/// Trains one model unless it is trained already, and prints the files of weights.
pub fn train(kind: RunKind, options: &TrainOptions) -> anyhow::Result<()> {
    let ConfigOptions { config: path, data_root, set } = &options.config;
    let recipe = RunRecipe::read(path, set, Some(kind))?;
    let name = recipe.name.clone();
    let mut experiment = SingleRun::new(recipe, kind).with_context(|| path.display().to_string())?;
    let run = options.run_config()?;
    *experiment.run_mut() = run.clone();
    let resolved = experiment.to_toml()?;
    let device = options.device.find()?;
    let stop = stop_on_signals()?;
    let runs = RunStore::new(&options.runs.runs);
    let catalog = Catalog::of(&run, 1, data_root, runs.root())
        .stopped_by(stop.clone())
        .loading_on(run.loaders_each(device, cores().get()));
    let plan = Plan::new(Box::new(experiment), &catalog, &find_or_download(runs.root()));
    let [job] = &plan.jobs[..] else { bail!("{name}: expected one run, found {}", plan.jobs.len()) };
    if let Some(why) = &job.blocked {
        bail!("{}: {why}", path.display());
    }
    plan.remarks().iter().for_each(|remark| say(&format!("warning: {remark}")));
    warn_of_precision(plan.model().precision, device);
    catalog.start();
    let claims = Claims::new(run.lease(), &device_name(device));
    let context = JobContext {
        jobs: &plan.jobs,
        run: &run,
        catalog: &catalog,
        runs: &runs,
        claims: &claims,
        stop,
        device,
    };
    let folder = runs.folder(job);
    // An interrupted run resumes from its own files, not from these weights.
    if let (Some(weights), false) = (&job.weights, folder.exists()) {
        info!("starting from {}", weights.display());
    }
    let events = options.tensorboard.as_ref().map(|root| EventFile::create(&root.join(&name)));
    let mut events = events.transpose()?;
    let trained = context.run_alone(job, &mut |epoch| {
        if let Some(Err(error)) = events.as_mut().map(|events| events.epoch(epoch)) {
            tracing::warn!("{error:#}");
        }
        say_epoch(epoch, job.cost.epochs);
    });
    let record = match trained {
        Err(error) if error.is_stop() => {
            bail!("interrupted; run the same command again to resume ({})", folder.display())
        }
        Ok((record, true)) => {
            write_atomic(&folder.join("recipe.toml"), |file| file.write_all(resolved.as_bytes()))?;
            record
        }
        Ok((record, false)) => {
            info!("{}: already trained", folder.display());
            record
        }
        Err(error) => return Err(error.into()),
    };
    report(&record, &folder)
}

fn say_epoch(epoch: &EpochRecord, epochs: u64) {
    info!("epoch {}/{epochs}: {}", epoch.epoch, of_epoch(epoch));
    for skipped in &epoch.skipped {
        say(&format!("warning: left out: {skipped}"));
    }
}

fn report(record: &Record, folder: &Path) -> anyhow::Result<()> {
    let outcome = record.training()?;
    if let Some(at) = &outcome.diverged {
        let text = format!(
            "{}: training diverged at step {} (epoch {}, learning rate {:e})",
            folder.display(),
            at.step,
            at.epoch,
            at.learning_rate
        );
        if outcome.is_empty() {
            bail!(text);
        }
        say(&format!("warning: {text}; the saved weights are from before that step"));
    }
    info!("{}{}", record.label, in_words(record));
    for kept in outcome.models() {
        print(&format!("{}\n", folder.join(&kept.weights.path).display()))?;
    }
    Ok(())
}
