//! `ff-grid`: plan, run, watch and report a whole table.

#[cfg(feature = "png")]
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ff_cli::grid::{
    CleanOptions, DoctorOptions, ListOptions, PlanOptions, RunOptions, TableOptions, WorkOptions,
};
use ff_cli::{ReportOptions, grid};

/// Train, average and compare many models, and print the results table.
///
/// A configuration states datasets, backbones and methods. The results are the models, the soups,
/// the table, and a record of each decision. Finished jobs never run again, and tables share them.
#[derive(Subcommand)]
enum Command {
    /// Print a table's datasets, jobs, disk space and time, without running it
    ///
    /// Disk space and time are those of the jobs that are not done. The speed is that of finished
    /// jobs in the runs folder, unless --price or --images-per-second gives one.
    #[command(after_help = "Examples:
  ff-grid plan --config configs/table1/demo.toml
  ff-grid plan --config configs/table1/demo.toml --price
  ff-grid plan --config table.toml --workers 1,8,64 --images-per-second resnet50=400
  ff-grid plan --config table.toml --jobs")]
    Plan(PlanOptions),
    /// Run the jobs that are not done yet, then print the results table
    ///
    /// An interrupted run resumes when the same command runs again.
    #[command(after_help = "Examples:
  ff-grid run --config configs/table1/demo.toml
  ff-grid run --config configs/table1/demo.toml --set 'grid.seeds=[0,1]' --device cuda:0,cuda:1
  ff-grid run --config table.toml --data-root data --engine slurm --cluster site.toml --wait")]
    Run(RunOptions),
    /// Show a running table: jobs, speed, learning curves and best models
    ///
    /// Press q to quit; the table keeps running. Without a terminal, prints the current state once.
    #[command(after_help = "Examples:
  ff-grid watch --config configs/table1/demo.toml")]
    Watch(TableOptions),
    /// Print a table's done, running, stopped, blocked and failed jobs
    #[command(after_help = "Examples:
  ff-grid status --config configs/table1/demo.toml")]
    Status(TableOptions),
    /// Cancel this table's Slurm jobs
    #[command(after_help = "Examples:
  ff-grid cancel --config table.toml --runs runs")]
    Cancel(TableOptions),
    /// Run one task of a submitted job array; the Slurm scripts call this
    #[command(after_help = "Examples:
  ff-grid work --batch runs/slurm/BATCH --array 0 --task 3")]
    Work(WorkOptions),
    /// Convert SVG figures to PNG files next to them
    #[cfg(feature = "png")]
    #[command(after_help = "Examples:
  ff-grid png runs/tables/figures-demo/*/*/*.svg")]
    Png {
        /// SVG files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the tables of a runs folder: settings, best models, size on disk
    #[command(after_help = "Examples:
  ff-grid list
  ff-grid list --runs runs --json")]
    List(ListOptions),
    /// Remove jobs that no table of a runs folder needs, after asking
    ///
    /// Runs of `ff-train` are kept.
    #[command(after_help = "Examples:
  ff-grid clean
  ff-grid clean --table own-images-1a2b3c4d --yes")]
    Clean(CleanOptions),
    /// Check a runs folder for damaged records, weights and predictions
    #[command(after_help = "Examples:
  ff-grid doctor --runs runs
  ff-grid doctor --runs runs --repair")]
    Doctor(DoctorOptions),
    /// Write an HTML page with the results of finished jobs
    #[command(after_help = "Examples:
  ff-grid report
  ff-grid report --open
  ff-grid report --config configs/table1/demo.toml --output table1.html")]
    Report(ReportOptions),
}

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-grid");
    if let Command::Work(options) = &command {
        return grid::work(options, &common);
    }
    ff_cli::main(&common, || match &command {
        Command::Plan(options) => grid::plan(options),
        Command::Run(options) => grid::run(options, &common),
        Command::Watch(options) => grid::watch(options),
        Command::Status(options) => grid::status(options),
        Command::Cancel(options) => grid::cancel(options),
        Command::Work(_) => unreachable!("handled above"),
        #[cfg(feature = "png")]
        Command::Png { files } => {
            ff_cli::png_beside(files)?
                .iter()
                .for_each(|path| ff_cli::say(&format!("wrote {}", path.display())));
            Ok(())
        }
        Command::List(options) => grid::list(options),
        Command::Clean(options) => grid::clean(options),
        Command::Doctor(options) => grid::doctor(options),
        Command::Report(options) => ff_cli::write_report(options),
    })
}
