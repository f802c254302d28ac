//! `ff-soup`: average weights, select what to average, and verify soups.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ff_cli::{MergeOptions, average, bench_average, check_soup, forecast, merge};
#[cfg(feature = "torch")]
use ff_cli::{SelectOptions, select, trace_and_check};

/// Average model weights into soups: uniform, greedy or hierarchical.
#[derive(Subcommand)]
enum Command {
    /// Average all files with equal weights
    #[command(after_help = "Examples:
  ff-soup average a.safetensors b.safetensors --output soup.safetensors")]
    Average {
        /// Files of weights of one architecture
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// File to write the average to
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Merge files by a rule that needs no images
    #[command(after_help = "Examples:
  ff-soup merge --method stock --base probe.safetensors --output soup.safetensors runs/*/kept.safetensors
  ff-soup merge --method linear --coefficients 0.7,0.3 --output soup.safetensors a.safetensors b.safetensors")]
    Merge(MergeOptions),
    /// Measure the time to open, merge and write files of weights
    ///
    /// Run it twice, so that the files are in the page cache.
    #[command(after_help = "Examples:
  ff-soup bench runs/*/kept.safetensors --output soup.safetensors")]
    Bench {
        #[command(flatten)]
        options: MergeOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show which files are unlike the others, by distances and angles
    ///
    /// A file that is far from the base, or at a wide angle to all others, may not average with
    /// them. No images are needed. In a table, a forecast also evaluates error barriers.
    #[command(after_help = "Examples:
  ff-soup forecast runs/*/kept.safetensors --base probe.safetensors")]
    Forecast {
        /// Files of weights of one architecture, or folders of them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Weights that the files were fine-tuned from
        ///
        /// Without them, distances and angles are those of the weights: files that were fine-tuned from
        /// other weights than the others are at about 90° to these.
        #[arg(long, value_name = "FILE")]
        base: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Select the files to average by their validation scores
    ///
    /// The recipe gives the model, the images and the metric. If a training run saved predictions
    /// of the recipe's validation images next to a file (kept.val.safetensors), that file is not
    /// evaluated again. Models of other architectures are scored by a command of yours.
    #[cfg(feature = "torch")]
    #[command(after_help = "Examples:
  ff-soup select --method greedy --config finetune.toml --output soup.safetensors \\
    runs/*/kept.safetensors
  ff-soup select --method greedy --score-command 'python eval.py {weights}' \\
    --output soup.safetensors runs/*.pth")]
    Select(Box<SelectOptions>),
    /// Rebuild a soup from its ingredients and compare it bit by bit
    #[command(after_help = "Examples:
  ff-soup verify soup.safetensors runs")]
    Verify {
        /// Soup to verify
        soup: PathBuf,
        /// Ingredients of the soup, or folders to search for them
        #[arg(required = true)]
        ingredients: Vec<PathBuf>,
        /// Trace and check all ancestors of the soup
        #[cfg(feature = "torch")]
        #[arg(long)]
        deep: bool,
        /// With --deep, check the datasets in this folder too
        ///
        /// Dataset paths in the tables' configurations (RUNS/tables) are relative to it.
        #[cfg(feature = "torch")]
        #[arg(
            long,
            value_name = "DIR",
            env = "FF_DATA_ROOT",
            requires = "deep",
            help_heading = "Global options"
        )]
        data_root: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-soup");
    ff_cli::main(&common, || match command {
        Command::Average { files, output } => average(&files, &output),
        Command::Merge(options) => merge(&options),
        Command::Bench { options, json } => bench_average(&options, json),
        Command::Forecast { files, base, json } => forecast(&files, base.as_deref(), json),
        #[cfg(feature = "torch")]
        Command::Select(options) => select(&options),
        #[cfg(feature = "torch")]
        Command::Verify { soup, ingredients, deep: true, data_root } => {
            trace_and_check(&soup, &ingredients, data_root.as_deref())
        }
        Command::Verify { soup, ingredients, .. } => check_soup(&soup, &ingredients),
    })
}
