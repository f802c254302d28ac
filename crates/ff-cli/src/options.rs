//! Options that several commands have.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// A configuration, what takes the place of its values, and where its images are.
#[derive(Args, Clone, Debug)]
pub struct ConfigOptions {
    /// Configuration (TOML)
    #[arg(long)]
    pub config: PathBuf,
    /// Folder that the configuration's dataset paths start at
    #[arg(long, env = "FF_DATA_ROOT", default_value = "data")]
    pub data_root: PathBuf,
    /// Put another value in place of the configuration's: a dotted key, such as fgg.epochs=5
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Where everything goes.
#[derive(Args, Clone, Debug)]
pub struct RunsOption {
    /// Folder for everything that is made
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// Options of every binary.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Say more on stderr; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 900)]
    pub verbose: u8,
}

// The commands come last: what they are documented as is the help text, and not what the options
// are.
#[derive(Parser)]
#[command(version)]
struct Cli<C: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: C,
}

/// Reads the command line of the binary `name`: one of its commands, whose documentation is the
/// binary's help text, and the options of every binary. Ends the program on wrong usage.
pub fn parse<C: Subcommand>(name: &'static str) -> (C, Common) {
    let matches = Cli::<C>::command().name(name).get_matches();
    let Cli { command, common } = Cli::<C>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (command, common)
}
