//! Averages weights, chooses what to average, checks soups, and times averages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
#[cfg(feature = "torch")]
use ff_cli::{SelectOptions, select, trace_and_check};
use ff_cli::{average, bench_average, check_soup};

/// Files of weights in, their soup out.
#[derive(Subcommand)]
enum Command {
    /// Average all files, each weighed equally
    Average {
        /// Files of weights of one architecture
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The average
        #[arg(long)]
        output: PathBuf,
    },
    /// Measure an average, its parts, and the reading of the same files
    Bench {
        /// Files of weights of one architecture, which should lie in the page cache: run it twice
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The average
        #[arg(long)]
        output: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Choose which files to average by their scores on validation images
    ///
    /// A file that a run of training left is not evaluated again where its predictions lie beside
    /// it (kept.val.safetensors) and are of the recipe's validation images. The recipe's model,
    /// images and metric are used.
    #[cfg(feature = "torch")]
    Select(SelectOptions),
    /// Rebuild a soup from its ingredients and compare bits
    Verify {
        /// The soup
        soup: PathBuf,
        /// Its ingredients, or folders to find them in
        #[arg(required = true)]
        ingredients: Vec<PathBuf>,
        /// Go back through everything that the soup comes from, as far as it goes
        #[cfg(feature = "torch")]
        #[arg(long)]
        deep: bool,
        /// With --deep, look whether the images are those that it was made with: the folder that
        /// the paths of datasets in the tables' configurations (RUNS/tables) start at
        #[cfg(feature = "torch")]
        #[arg(long, env = "FF_DATA_ROOT", requires = "deep")]
        data_root: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let (command, common) = ff_cli::parse::<Command>("ff-soup");
    ff_cli::main(&common, || match command {
        Command::Average { files, output } => average(&files, &output),
        Command::Bench { files, output, json } => bench_average(&files, &output, json),
        #[cfg(feature = "torch")]
        Command::Select(options) => select(&options),
        #[cfg(feature = "torch")]
        Command::Verify { soup, ingredients, deep: true, data_root } => {
            trace_and_check(&soup, &ingredients, data_root.as_deref())
        }
        Command::Verify { soup, ingredients, .. } => check_soup(&soup, &ingredients),
    })
}
