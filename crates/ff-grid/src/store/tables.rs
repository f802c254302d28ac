//! The tables of a runs folder, and the jobs that each needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ff_checkpoint::{entries, read_sealed, write_sealed};
use ff_train::CancelToken;
use serde::{Deserialize, Serialize};

use super::claim::{Claimed, Claims};
use super::result_files::{ResultFiles, remove_file};
use super::runs::RunStore;
use super::settings::Settings;
use crate::error::Error;
use crate::job::Job;

/// The folders of a table's jobs below the runs folder (`jobs.json`). It is written before the first
/// job runs, so that a table that is not finished keeps its jobs too.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableJobs {
    jobs: BTreeSet<PathBuf>,
}

const NAME: &str = "jobs.json";

/// A table of a runs folder.
#[derive(Clone, Debug)]
pub struct TableFolder {
    /// Its folder.
    pub path: PathBuf,
    /// Its settings; `None` if its configuration is missing or damaged.
    pub settings: Option<Settings>,
    /// The folders of its jobs; `None` if they are not listed or the list is damaged.
    pub jobs: Option<BTreeSet<PathBuf>>,
    /// Bytes of its own files.
    pub bytes: u64,
}

impl TableFolder {
    /// Returns the name of its folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Returns whether its results are written.
    pub fn is_written(&self) -> bool {
        self.path.join(ResultFiles::NAME).exists()
    }
}

/// Returns the folder of a table: `tables/NAME`, or `tables/NAME-DIGEST` if that is the folder of
/// other settings.
pub fn table_folder(runs: &RunStore, name: &str, settings: &Settings) -> PathBuf {
    let named = runs.root().join("tables").join(name);
    let is_own = match Settings::read(&named) {
        Some(found) => found == *settings,
        None => !named.join("config.toml").exists(),
    };
    if is_own { named } else { named.with_file_name(format!("{name}-{}", settings.digest())) }
}

/// Notes the jobs of a table in its folder, beside those that it had before unless it is `done`.
pub(crate) fn note_jobs(folder: &Path, jobs: &[Job], done: bool) -> Result<(), Error> {
    let path = folder.join(NAME);
    let before = if done { None } else { read_sealed::<TableJobs>(&path).ok() };
    let of_plan = jobs.iter().filter(|job| job.blocked.is_none()).map(Job::folder);
    let jobs = before.into_iter().flat_map(|before| before.jobs).chain(of_plan).collect();
    Ok(write_sealed(&path, &TableJobs { jobs })?)
}

/// Finds the tables of a runs folder, by name.
///
/// # Errors
/// Folders that cannot be listed.
pub fn tables(runs: &RunStore) -> Result<Vec<TableFolder>, Error> {
    let folders = entries(&runs.root().join("tables"))?.into_iter().filter(|path| path.is_dir());
    let mut found = Vec::new();
    for path in folders {
        found.push(TableFolder {
            settings: Settings::read(&path),
            jobs: read_sealed::<TableJobs>(&path.join(NAME)).ok().map(|of| of.jobs),
            bytes: bytes_below(&path)?,
            path,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Returns the bytes of each job's folder, by its path below the runs folder.
///
/// # Errors
/// Folders that cannot be listed.
pub fn job_bytes(runs: &RunStore) -> Result<BTreeMap<PathBuf, u64>, Error> {
    let folders = entries(&runs.root().join("jobs"))?.into_iter().filter(|path| path.is_dir());
    let below = |path: PathBuf| {
        let bytes = bytes_below(&path)?;
        Ok((path.strip_prefix(runs.root()).unwrap_or(&path).to_owned(), bytes))
    };
    folders.map(below).collect()
}

/// Returns the bytes of all files below a folder, which may be missing.
///
/// # Errors
/// Folders that cannot be listed.
pub fn bytes_below(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for path in entries(folder)? {
        let metadata = path.symlink_metadata().map_err(Error::file(&path));
        bytes += match metadata {
            Ok(metadata) if metadata.is_dir() => bytes_below(&path)?,
            Ok(metadata) => metadata.len(),
            // A process that is running has removed it.
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

/// Removes a folder of a job or a table, unless a process runs in it. Returns whether it was removed.
///
/// # Errors
/// The folder cannot be claimed or removed.
pub fn remove_folder(claims: &Claims, folder: &Path) -> Result<bool, Error> {
    let Claimed::Ours(_claim) = claims.take(folder, CancelToken::default())? else { return Ok(false) };
    // The record goes first: what is left of an interrupted removal is no finished job.
    let record = folder.join("record.json");
    remove_file(&record).map_err(Error::file(&record))?;
    std::fs::remove_dir_all(folder).map_err(Error::file(folder))?;
    Ok(true)
}
