//! Options that several commands share.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// The heading of options that mean the same in every command that has them.
pub(crate) const GLOBAL: &str = "Global options";

/// Takes the blanks from a name in a list.
pub(crate) fn trimmed(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.trim().to_owned())
}

/// A configuration, overrides of its values, and the folder of its datasets.
#[derive(Args, Clone, Debug)]
pub struct ConfigOptions {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Folder that dataset paths in the configuration are relative to
    #[arg(long, value_name = "DIR", env = "FF_DATA_ROOT", default_value = "data", help_heading = GLOBAL)]
    pub data_root: PathBuf,
    /// Override a configuration value, such as fgg.epochs=5; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = GLOBAL)]
    pub set: Vec<String>,
}

#[cfg(feature = "torch")]
/// [`ConfigOptions`] of a command that also works without a configuration.
#[derive(Args, Clone, Debug)]
pub struct MaybeConfig {
    /// Recipe (TOML) that gives the model, the images and the metric
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that dataset paths in the recipe are relative to
    #[arg(long, value_name = "DIR", env = "FF_DATA_ROOT", default_value = "data", help_heading = GLOBAL)]
    data_root: PathBuf,
    /// Override a value of the recipe, such as train.metric=auroc; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "config", help_heading = GLOBAL)]
    set: Vec<String>,
}

#[cfg(feature = "torch")]
impl MaybeConfig {
    /// Returns the configuration, if one is given.
    pub fn given(&self) -> Option<ConfigOptions> {
        let Self { config, data_root, set } = self.clone();
        Some(ConfigOptions { config: config?, data_root, set })
    }
}

/// The runs folder.
#[derive(Args, Clone, Debug)]
pub struct RunsOption {
    /// Runs folder, which holds all jobs, tables and caches
    #[arg(
        long,
        value_name = "DIR",
        default_value = "runs",
        value_parser = PathBufValueParser::new().try_map(runs_folder),
        help_heading = GLOBAL
    )]
    pub runs: PathBuf,
}

/// Refuses a link to nothing, below which no folder can be created.
fn runs_folder(path: PathBuf) -> Result<PathBuf, String> {
    match path.read_link() {
        Ok(target) if !path.exists() => Err(format!(
            "expected a folder, found a link to {}, which does not exist\n\
             hint: create that folder, or remove the link",
            target.display()
        )),
        _ => Ok(path),
    }
}

/// Options of every binary.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Log more to stderr: -v debug, -vv trace; RUST_LOG takes precedence
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 900, help_heading = GLOBAL)]
    pub verbose: u8,
    /// Print no progress to stderr, only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 901, help_heading = GLOBAL)]
    pub quiet: bool,
}

impl Common {
    /// Returns these options as arguments of another program.
    #[cfg(feature = "torch")]
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        let verbose = (0..self.verbose).map(|_| "-v".to_owned());
        verbose.chain(self.quiet.then(|| "-q".to_owned()))
    }
}

// The commands come last, so that the binary's help text is their documentation and not that of the
// options.
#[derive(Parser)]
#[command(version)]
struct Cli<C: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: C,
}

/// Parses the command line of the binary `name` into one of its commands and the common options.
///
/// The documentation of `C` is the binary's help text. Wrong usage ends the process with exit code
/// 2.
pub fn parse<C: Subcommand>(name: &'static str) -> (C, Common) {
    let matches = Cli::<C>::command().name(name).get_matches();
    let Cli { command, common } = Cli::<C>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (command, common)
}
