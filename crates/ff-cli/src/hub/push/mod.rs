//! `ff-models push`: puts a model into a repository of the Hugging Face Hub.
//!
//! The order of requests: the repository (created if it is missing), which files differ
//! (preupload), the large ones to the hub's storage (Git LFS), and one commit. So an upload that is
//! interrupted changes no file that a reader sees, and the next one sends what has not arrived.

mod changes;
mod files;
mod lfs;
mod local_file;
mod refusal;
mod table;
mod target;

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use indicatif::HumanBytes;

use super::repository::Repository;
use super::settings::Settings;
use crate::fetch::Meter;
use crate::output::print;
use local_file::LocalFile;
use target::Target;

/// Files to upload, and their repository.
#[derive(Args, Clone, Debug)]
pub struct Push {
    /// Folder of a model, such as runs/tables/NAME, or files
    #[arg(required = true, value_name = "FOLDER|FILE")]
    pub paths: Vec<PathBuf>,
    /// Repository to upload to; it is created if it is missing
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: String,
    /// Create a private repository, and refuse to upload to a public one
    #[arg(long)]
    pub private: bool,
    /// Branch to commit to
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub revision: String,
    /// Message of the commit
    #[arg(long, value_name = "TEXT", default_value = "Upload model",
          value_parser = NonEmptyStringValueParser::new())]
    pub message: String,
    /// Print the files and their sizes, and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Uploads files, and prints the address of their repository.
///
/// # Errors
/// Those of [`plan`] and [`upload`].
pub fn push(options: &Push) -> anyhow::Result<()> {
    if options.dry_run {
        return print(&plan(options)?);
    }
    let address = upload(&Settings::from_env(), options, &mut Meter::new())?;
    print(&format!("{address}\n"))
}

/// Returns a line for each file: its name in the repository, its path here, and its size.
///
/// # Errors
/// The repository's name or a file is refused.
pub fn plan(options: &Push) -> anyhow::Result<String> {
    let mut lines = String::new();
    for LocalFile { name, path, bytes, .. } in options.open()?.1 {
        let _ = writeln!(lines, "{name}  {}  {}", path.display(), HumanBytes(bytes));
    }
    Ok(lines)
}

/// Uploads the files that the repository does not have yet, in one commit. Returns the address of
/// the repository.
///
/// # Errors
/// Those of [`plan`]. There is no token, the hub cannot be reached, or it refuses something; the
/// repository has no new commit then, unless only the hub's answer to the commit was lost.
pub fn upload(settings: &Settings, options: &Push, meter: &mut Meter) -> anyhow::Result<String> {
    let (repository, files) = options.open()?;
    let target = Target::new(settings, &repository)?;
    target.ensure(options.private, meter)?;
    let changes = target.changes(&files, meter)?;
    if changes.is_empty() {
        meter.line(&format!("{}: nothing has changed", repository.id));
    } else {
        target.store(&changes, meter)?;
        target.commit(&changes, &options.message, meter)?;
    }
    Ok(target.address())
}

impl Push {
    fn open(&self) -> anyhow::Result<(Repository, Vec<LocalFile>)> {
        let repository = Repository::to_write(&self.repo, &self.revision).map_err(|error| anyhow!(error))?;
        let files = files::collect(&self.paths, &repository)?;
        Ok((repository, files))
    }
}
