//! `ff-grid work`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use ff_grid::{BatchTask, Event, Summary};

use super::run::say_failures;
use crate::device::DeviceChoice;
use crate::options::Common;
use crate::progress::outcome;

/// Which task, and where it computes.
#[derive(Args)]
pub struct WorkOptions {
    /// The folder of what was sent off, in the runs folder
    #[arg(long)]
    batch: PathBuf,
    /// The array's place in it
    #[arg(long)]
    array: usize,
    /// The task's number in the array
    #[arg(long)]
    task: u32,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Does a task. Exit code 75 says that it was asked to stop and can go on where it was.
pub fn work(options: &WorkOptions, common: &Common) -> ExitCode {
    let mut stopped = false;
    let code = crate::program::main(common, || {
        let summary = run(options)?;
        stopped = summary.stopped > 0;
        if stopped {
            bail!("stopped: what is done is kept");
        }
        say_failures(&summary)
    });
    if stopped { ExitCode::from(BatchTask::STOPPED) } else { code }
}

fn run(options: &WorkOptions) -> anyhow::Result<Summary> {
    let stop = crate::signals::stop_on_signals()?;
    let task = BatchTask::open(&options.batch, options.array, options.task)?;
    let device = options.device.find()?;
    let on_event = |event: Event<'_>| match event {
        Event::Started(job) => crate::output::say(&format!("{}: begun", job.label)),
        Event::Epoch(_, epoch) => tracing::info!("epoch {}: loss {:.4}", epoch.epoch, epoch.train_loss),
        Event::Finished(job, record) => crate::output::say(&format!("{}{}", job.label, outcome(record))),
        Event::Failed(job, why) => crate::output::say(&format!("{}: FAILED: {why}", job.label)),
        Event::Elsewhere(job, _) => tracing::debug!("{}: another process is at it", job.label),
        Event::Sent(..) => {}
    };
    Ok(task.run(device, &stop, &on_event)?)
}
