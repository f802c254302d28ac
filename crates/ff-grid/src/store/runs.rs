//! The runs folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_checkpoint::{FileRef, StateDict, read_sealed, write_sealed};

use crate::error::Error;
use crate::job::{Job, Jobs, Record};

/// The folder that jobs and tables lie in.
#[derive(Clone, Debug)]
pub struct RunStore {
    root: PathBuf,
    /// What is wrong with records that were passed over, if they are to be.
    passed_over: Option<Arc<Mutex<BTreeSet<String>>>>,
}

impl RunStore {
    /// The runs folder at `root`; nothing is made yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), passed_over: None }
    }

    /// The same, for reports: a record that cannot be read counts as not there, and
    /// [`RunStore::passed_over`] says so.
    pub fn lenient(root: &Path) -> Self {
        Self { root: root.to_owned(), passed_over: Some(Arc::default()) }
    }

    /// What is wrong with the records that were passed over so far, a sentence each.
    pub fn passed_over(&self) -> Vec<String> {
        let found =
            self.passed_over.iter().map(|found| found.lock().expect("no panic while inserting").clone());
        found.flatten().collect()
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A job's folder.
    pub fn folder(&self, job: &Job) -> PathBuf {
        self.root.join(job.folder())
    }

    /// The record of a job, if it is done.
    ///
    /// # Errors
    /// A record that cannot be read, or is another job's.
    pub fn record(&self, job: &Job) -> Result<Option<Record>, Error> {
        match (self.read(job), &self.passed_over) {
            (Err(error), Some(found)) => {
                found.lock().expect("no panic while inserting").insert(error.to_string());
                Ok(None)
            }
            (read, _) => read,
        }
    }

    fn read(&self, job: &Job) -> Result<Option<Record>, Error> {
        let path = self.folder(job).join("record.json");
        if !path.exists() {
            return Ok(None);
        }
        let record = read_record(&path)?;
        if record.id != job.id && job.place.is_some() {
            let reason =
                "this folder holds a run of another recipe or other data\nhint: give the recipe another name";
            return Err(Error::File { path: self.folder(job), reason: reason.into() });
        }
        if record.id != job.id {
            let reason = format!("expected the record of job {}, found that of {}", job.id, record.id);
            return Err(wrong(&path, reason));
        }
        Ok(record.serves(job).then_some(record))
    }

    /// Every record in the folder, of whatever table or run; what cannot be read is left out.
    pub fn all(&self) -> Vec<Record> {
        let folders = [self.root.join("jobs"), self.root.clone()].map(std::fs::read_dir);
        let folders = folders.into_iter().flatten().flatten().flatten();
        folders.filter_map(|folder| read_record(&folder.path().join("record.json")).ok()).collect()
    }

    /// The record of a job that must be done.
    ///
    /// # Errors
    /// [`Error::Job`] if it is not.
    pub fn done(&self, job: &Job) -> Result<Record, Error> {
        self.record(job)?.ok_or_else(|| Error::Job(format!("job `{}` ({}) is not done", job.label, job.id)))
    }

    /// The jobs that are on record, by identity, and how many seconds each took. What cannot run is
    /// not looked for.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn finished<'a>(&self, jobs: &'a Jobs) -> Result<BTreeMap<&'a str, f64>, Error> {
        let mut finished = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.blocked.is_none()) {
            if let Some(record) = self.record(job)? {
                finished.insert(job.id.as_str(), record.seconds);
            }
        }
        Ok(finished)
    }

    /// Opens weights or predictions that a job left.
    ///
    /// # Errors
    /// A file that is damaged, is not the one on record, or says nothing of how it came to be and
    /// so is none of ours.
    pub fn open(&self, job: &Job, file: &FileRef) -> Result<StateDict, Error> {
        let opened = file.open(&self.folder(job))?;
        opened.provenance()?;
        Ok(opened)
    }

    pub(crate) fn finish(&self, job: &Job, record: &Record) -> Result<(), Error> {
        Ok(write_sealed(&self.folder(job).join("record.json"), record)?)
    }
}

/// Reads a record.
///
/// # Errors
/// One that cannot be read, is damaged, or names files outside its folder.
pub fn read_record(path: &Path) -> Result<Record, Error> {
    let record: Record = read_sealed(path).map_err(|error| match error {
        ff_checkpoint::Error::Json { reason, .. } => wrong(path, format!("damaged record: {reason}")),
        ff_checkpoint::Error::Damaged { .. } => {
            wrong(path, "damaged record: its content is not what was written".into())
        }
        other => other.into(),
    })?;
    let outside =
        |file: &&FileRef| !matches!(file.path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    match record.files().into_iter().find(outside) {
        Some(file) => Err(wrong(
            path,
            format!("expected names of files in the record's folder, found `{}`", file.path.display()),
        )),
        None => Ok(record),
    }
}

fn wrong(path: &Path, reason: String) -> Error {
    let hint = "hint: `ff-grid doctor --repair` sets it aside, and the job is run again";
    Error::File { path: path.to_owned(), reason: format!("{reason}\n{hint}") }
}
