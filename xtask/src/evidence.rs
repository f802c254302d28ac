//! `evidence`: what souping and in-model merging gain, on real images.

mod sets;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;

/// Options of `evidence`.
#[derive(Args)]
pub struct Options {
    /// Folder that holds the image sets; CSV files are written to it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Prepares the image sets.
pub fn run(_workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    println!("{:?}", sets::prepare(&options.data)?);
    Ok(ExitCode::SUCCESS)
}
