//! Plans, runs and reports a whole table.

mod doctor;
mod forecast;
mod plan;
mod run;
mod status;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ff_cli::{BadImage, Common, ReportOptions};
use ff_grid::read_experiment;
use ff_grid::{Catalog, HubResolver, Plan, RunStore};

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
    Plan(TableOptions),
    /// Say how long the whole table takes on 1, 8, 64 workers, from what the jobs on record took; run nothing
    Forecast(forecast::ForecastOptions),
    /// Run what is not done yet, then print the table
    Run(run::RunOptions),
    /// Look at a running grid: jobs, speed, learning curves, the best so far; q leaves, the grid runs on
    Watch(TableOptions),
    /// Say how much of it is done, who is at what, what failed, and how long the rest will take
    Status(TableOptions),
    /// Take what was sent off for the table out of a cluster's queue
    Cancel(TableOptions),
    /// Do one task of those that `run --engine slurm` sent off; its scripts call this
    Work(work::WorkOptions),
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

#[derive(Args)]
struct TableOptions {
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
    /// Use weights that were trained on the same images in another division; every result says so
    #[arg(long)]
    allow_other_split: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Work(options) = &cli.command {
        return work::work(options, &cli.common);
    }
    ff_cli::main(&cli.common, || match &cli.command {
        Command::Plan(options) => plan::plan(options),
        Command::Forecast(options) => forecast::print(options),
        Command::Run(options) => run::run(options, cli.common.verbose),
        Command::Watch(options) => {
            let (plan, _, runs) = prepare(options, &ff_cli::find_cached)?;
            ff_cli::watch(&plan, &runs, options.json)
        }
        Command::Status(options) => status::status(options),
        Command::Cancel(options) => status::cancel(options),
        Command::Work(_) => unreachable!("it has been done"),
        #[cfg(feature = "png")]
        Command::Png { files } => {
            ff_cli::png_beside(files)?
                .iter()
                .for_each(|path| ff_cli::say(&format!("wrote {}", path.display())));
            Ok(())
        }
        Command::Doctor { runs, repair, json } => doctor::doctor(runs, *repair, *json),
        Command::Report(options) => ff_cli::write_report(options),
    })
}

fn prepare(options: &TableOptions, hub: HubResolver<'_>) -> anyhow::Result<(Plan, Catalog, RunStore)> {
    let mut experiment = read_experiment(&options.config, &options.set)?;
    let run = experiment.run_mut();
    run.on_bad_image = options.on_bad_image.map_or(run.on_bad_image, Into::into);
    run.allow_other_split |= options.allow_other_split;
    let catalog =
        Catalog::of(experiment.run(), experiment.sources().len(), &options.data_root, &options.runs);
    let plan = Plan::new(experiment, &catalog, hub);
    Ok((plan, catalog, RunStore::new(&options.runs)))
}
