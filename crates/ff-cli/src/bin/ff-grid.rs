//! Plans, runs and reports a whole table.

#[cfg(feature = "png")]
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ff_cli::grid::{DoctorOptions, ForecastOptions, RunOptions, TableOptions, WorkOptions};
use ff_cli::{ReportOptions, grid};

/// A table from one configuration: images and pretrained weights in; every model, the soups, the
/// table and the record of each choice out. What is done is never done again, also when another
/// table needs it.
#[derive(Subcommand)]
enum Command {
    /// Print the jobs and what they cost; run nothing
    Plan(TableOptions),
    /// Say how long the whole table takes on 1, 8, 64 workers, from what the jobs on record took;
    /// run nothing
    Forecast(ForecastOptions),
    /// Run what is not done yet, then print the table
    Run(RunOptions),
    /// Look at a running grid: jobs, speed, learning curves, the best so far; q leaves, the grid
    /// runs on
    Watch(TableOptions),
    /// Say how much of it is done, who is at what, what failed, and how long the rest will take
    Status(TableOptions),
    /// Take what was sent off for the table out of a cluster's queue
    Cancel(TableOptions),
    /// Do one task of those that `run` submitted to a queue; its scripts call this
    Work(WorkOptions),
    /// Draw figures as PNG too, beside the SVG files (a program built with `--features png` has
    /// this)
    #[cfg(feature = "png")]
    Png {
        /// SVG files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Look for damage in a runs folder: every record, file of weights and prediction is read and
    /// checked
    Doctor(DoctorOptions),
    /// Write one HTML page that shows what was found, from the records
    Report(ReportOptions),
}

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-grid");
    if let Command::Work(options) = &command {
        return grid::work(options, &common);
    }
    ff_cli::main(&common, || match &command {
        Command::Plan(options) => grid::plan(options),
        Command::Forecast(options) => grid::forecast(options),
        Command::Run(options) => grid::run(options, common.verbose),
        Command::Watch(options) => grid::watch(options),
        Command::Status(options) => grid::status(options),
        Command::Cancel(options) => grid::cancel(options),
        Command::Work(_) => unreachable!("it has been done"),
        #[cfg(feature = "png")]
        Command::Png { files } => {
            ff_cli::png_beside(files)?
                .iter()
                .for_each(|path| ff_cli::say(&format!("wrote {}", path.display())));
            Ok(())
        }
        Command::Doctor(options) => grid::doctor(options),
        Command::Report(options) => ff_cli::write_report(options),
    })
}
