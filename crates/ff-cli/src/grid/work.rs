//! `ff-grid work`: one task of a submitted job array.
//!
//! A task reads its jobs from its array's file and plans nothing, since a plan opens every dataset.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use ff_grid::{BatchTask, Summary};

use super::progress::GridProgress;
use super::run::say_failures;
use crate::device::DeviceChoice;
use crate::options::{Common, GLOBAL};

/// A task, and its device.
#[derive(Args)]
pub struct WorkOptions {
    /// Folder of the submitted batch, in the runs folder
    #[arg(long, value_name = "DIR")]
    batch: PathBuf,
    /// Index of the job array in the batch
    #[arg(long, value_name = "INDEX")]
    array: usize,
    /// Number of the task in the array
    #[arg(long, value_name = "NUMBER")]
    task: u32,
    /// Device: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", help_heading = GLOBAL)]
    device: DeviceChoice,
}

/// Runs a task and returns its exit code; 75 means that it was interrupted and can resume.
pub fn work(options: &WorkOptions, common: &Common) -> ExitCode {
    let mut stopped = false;
    let code = crate::program::main(common, || {
        let summary = run(options)?;
        stopped = summary.stopped > 0;
        if stopped {
            bail!("interrupted; finished work is kept");
        }
        say_failures(&summary)
    });
    if stopped { ExitCode::from(BatchTask::STOPPED) } else { code }
}

fn run(options: &WorkOptions) -> anyhow::Result<Summary> {
    let stop = crate::signals::stop_on_signals()?;
    let task = BatchTask::open(&options.batch, options.array, options.task)?;
    let device = options.device.find()?;
    let jobs = task.jobs();
    let progress = GridProgress::new(&jobs, task.runs(), task.runs().finished(&jobs)?);
    Ok(progress.during(|| task.run(device, &stop, &|event| progress.event(event)))?)
}
