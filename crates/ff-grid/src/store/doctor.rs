//! The doctor: finds damaged files in a runs folder, and sets them aside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ff_checkpoint::{FileRef, StateDict, entries, is_partial, read_sealed};
use ff_train::{CancelToken, Outcome};
use serde::Serialize;

use super::result_files::{ResultFiles, file_hash, remove_file};
use super::runs::{RunStore, read_record};
use crate::error::Error;
use crate::job::Job;
use crate::store::claim::{Claimed, Claims, is_claim, owner_of};

/// A damaged or leftover file in a runs folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its path below the runs folder.
    pub path: PathBuf,
    /// The problem.
    pub trouble: String,
    /// What [`repair`] does.
    pub remedy: Remedy,
}

/// The repair of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Set the file and its job's record aside, so that the job runs again. Results of later jobs
    /// stay.
    RunAgain,
    /// Set the file aside. It is written again when it is needed.
    SetAside,
    /// Remove the file, which nothing needs.
    Remove,
    /// Do nothing, since a process is running in the folder.
    Wait,
}

/// Checks every job and table of a runs folder, and writes nothing.
///
/// Files of weights and predictions are read whole. The cache of images and hashes is not checked
/// here, but whenever it is used.
///
/// # Errors
/// Folders that cannot be listed.
pub fn examine(runs: &RunStore) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let alone = entries(runs.root())?.into_iter().filter(|path| path.join("record.json").is_file());
    for folder in entries(&runs.root().join("jobs"))?.into_iter().filter(|path| path.is_dir()).chain(alone) {
        findings.extend(job(&folder)?);
    }
    findings.extend(tables(&below(&runs.root().join("tables"))?));
    for finding in &mut findings {
        finding.path = finding.path.strip_prefix(runs.root()).unwrap_or(&finding.path).to_owned();
    }
    Ok(findings)
}

/// Repairs findings by their remedies. Files are set aside in the folder `set-aside` of the runs
/// folder.
///
/// # Errors
/// Files that cannot be moved or removed.
pub fn repair(runs: &RunStore, claims: &Claims, findings: &[Finding]) -> Result<(), Error> {
    for finding in findings {
        let path = runs.root().join(&finding.path);
        let folder = path.parent().unwrap_or(runs.root());
        if finding.remedy == Remedy::Wait {
            continue;
        }
        // Taking a claim also removes partial files of dead processes.
        let Claimed::Ours(_claim) = claims.take(folder, CancelToken::default())? else { continue };
        if finding.remedy == Remedy::RunAgain {
            set_aside(runs, &folder.join("record.json"))?;
            Outcome::forget_resume_points(folder)?;
        }
        match finding.remedy {
            Remedy::Remove => remove_file(&path).map_err(Error::file(&path))?,
            _ => set_aside(runs, &path)?,
        }
    }
    Ok(())
}

fn job(folder: &Path) -> Result<Vec<Finding>, Error> {
    let found = |path: &Path, trouble: String, remedy| Finding { path: path.to_owned(), trouble, remedy };
    let again = |path: &Path, trouble: String| found(path, trouble, Remedy::RunAgain);
    let owner = owner_of(folder);
    if let Some(owner) = owner.as_ref().filter(|owner| !owner.has_ended()) {
        return Ok(vec![found(folder, format!("{owner} is running here"), Remedy::Wait)]);
    }
    let mut findings = Vec::new();
    let path = folder.join("record.json");
    let record = path.exists().then(|| read_record(&path));
    let done = matches!(record, Some(Ok(_)));
    match record {
        None => {}
        Some(Err(error)) => findings.push(again(&path, error.to_string())),
        Some(Ok(record)) => {
            let id = Job::identity(&record.spec, &record.inputs);
            let name = format!("{}-{id}", record.spec.kind());
            // The folder of a single run can have any name.
            let of_table = folder.parent().is_some_and(|parent| parent.ends_with("jobs"));
            let misplaced = of_table && folder.file_name().is_none_or(|found| found != name.as_str());
            if id != record.id || misplaced {
                let trouble = format!("expected the record of this folder's job, found the record of {name}");
                findings.push(again(&path, trouble));
            }
            for file in record.files() {
                findings
                    .extend(weights(folder, file).map(|trouble| again(&folder.join(&file.path), trouble)));
            }
        }
    }
    for path in entries(folder)? {
        let leftover = |what: &str| Some(found(&path, what.to_owned(), Remedy::Remove));
        findings.extend(match () {
            () if is_claim(&path) => leftover("claim of a process that has ended"),
            () if is_partial(&path) => leftover("partial file of a process that has ended"),
            () if !Outcome::is_resume_point(&path) => None,
            () if done => leftover("resume point of a finished job"),
            () => StateDict::open(&path).err().map(|error| found(&path, error.to_string(), Remedy::SetAside)),
        });
    }
    Ok(findings)
}

/// Returns the problem of a file that a record names, if it has one.
fn weights(folder: &Path, file: &FileRef) -> Option<String> {
    let check = || {
        let opened = file.open(folder)?;
        opened.provenance()?;
        opened.verify()
    };
    check().err().map(|error| error.to_string())
}

/// Checks the files of tables: against the hashes in their list, or the checksums in weights.
fn tables(paths: &[PathBuf]) -> Vec<Finding> {
    let mut listed: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for path in paths.iter().filter(|path| path.ends_with(ResultFiles::NAME)) {
        match read_sealed::<ResultFiles>(path) {
            Ok(list) => {
                let folder = path.parent().unwrap_or(path);
                listed.extend(list.files.into_iter().map(|(name, hash)| (folder.join(name), hash)));
            }
            Err(error) => findings.push((path, error.to_string())),
        }
    }
    let gone = listed.keys().filter(|path| !path.exists()).collect::<Vec<_>>();
    findings.extend(gone.into_iter().map(|path| (path, "missing, and listed in files.json".to_owned())));
    let trouble = |path: &PathBuf| match listed.get(path) {
        Some(hash) => match file_hash(path) {
            Ok(found) if found == *hash => None,
            Ok(_) => Some("damaged: its content does not match the hash in files.json".to_owned()),
            Err(error) => Some(error.to_string()),
        },
        None if path.extension().is_some_and(|extension| extension == "safetensors") => {
            StateDict::open(path).and_then(|file| file.verify()).err().map(|error| error.to_string())
        }
        None => None,
    };
    findings.extend(paths.iter().filter_map(|path| Some((path, trouble(path)?))));
    let finding = |(path, trouble): (&PathBuf, String)| Finding {
        path: path.clone(),
        trouble,
        remedy: Remedy::SetAside,
    };
    findings.into_iter().map(finding).collect()
}

fn set_aside(runs: &RunStore, path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    let below = path.strip_prefix(runs.root()).unwrap_or(path);
    let mut to = runs.root().join("set-aside").join(below);
    let name = to.file_name().unwrap_or_default().to_os_string();
    for number in 2.. {
        if !to.exists() {
            break;
        }
        let mut numbered = name.clone();
        numbered.push(format!(".{number}"));
        to.set_file_name(numbered);
    }
    let parent = to.parent().unwrap_or(runs.root());
    std::fs::create_dir_all(parent).and_then(|()| std::fs::rename(path, &to)).map_err(Error::file(path))
}

/// Lists all files below a folder.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() { files.extend(below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
