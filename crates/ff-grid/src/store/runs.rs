//! Access to the runs folder: folders, records and files of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_checkpoint::{FileRef, StateDict, read_sealed, write_sealed};

use crate::error::Error;
use crate::job::{Job, Jobs, Record};

/// The runs folder, which has the folders of jobs and tables.
///
/// ```
/// use ff_grid::RunStore;
///
/// let runs = RunStore::new("runs");
/// for record in runs.all() {
///     println!("{}: {:.0} s", record.id, record.seconds);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RunStore {
    root: PathBuf,
    /// Errors of records that were passed over; `None` if such a record is an error.
    passed_over: Option<Arc<Mutex<BTreeSet<String>>>>,
}

impl RunStore {
    /// Names the runs folder `root` without creating it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), passed_over: None }
    }

    /// Names a runs folder for reports: a record that cannot be read counts as missing, and
    /// [`RunStore::passed_over`] lists its error.
    pub fn lenient(root: &Path) -> Self {
        Self { root: root.to_owned(), passed_over: Some(Arc::default()) }
    }

    /// Returns the errors of the records that were passed over so far.
    pub fn passed_over(&self) -> Vec<String> {
        let found =
            self.passed_over.iter().map(|found| found.lock().expect("no panic while inserting").clone());
        found.flatten().collect()
    }

    /// Returns the path of the runs folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of a job's folder.
    pub fn folder(&self, job: &Job) -> PathBuf {
        self.root.join(job.folder())
    }

    /// Reads the record of a job; `None` if the job is not done.
    ///
    /// # Errors
    /// A record that cannot be read, or that is another job's.
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
            let reason = "expected a run of this recipe and data, found another run\nhint: give the recipe another name";
            return Err(Error::File { path: self.folder(job), reason: reason.into() });
        }
        if record.id != job.id {
            let reason = format!("expected the record of job {}, found that of {}", job.id, record.id);
            return Err(wrong(&path, reason));
        }
        // A report shows what there is, also from before more was asked for.
        let serves = self.passed_over.is_some() || record.serves(job);
        Ok(serves.then_some(record))
    }

    /// Reads the records of all tables and runs, without those that cannot be read.
    pub fn all(&self) -> Vec<Record> {
        let folders = [self.root.join("jobs"), self.root.clone()].map(std::fs::read_dir);
        let folders = folders.into_iter().flatten().flatten().flatten();
        folders.filter_map(|folder| read_record(&folder.path().join("record.json")).ok()).collect()
    }

    /// Reads the record of a job that must be done.
    ///
    /// # Errors
    /// [`Error::Job`] if it is not; those of [`RunStore::record`].
    pub fn done(&self, job: &Job) -> Result<Record, Error> {
        self.record(job)?.ok_or_else(|| Error::Job(format!("job `{}` ({}) is not done", job.label, job.id)))
    }

    /// Returns the seconds that each job on record took, by identity. Blocked jobs are not checked.
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

    /// Opens a file of weights or predictions that a job wrote.
    ///
    /// # Errors
    /// A file that is damaged, is not the one on record, or has no provenance.
    pub fn open(&self, job: &Job, file: &FileRef) -> Result<StateDict, Error> {
        let opened = file.open(&self.folder(job))?;
        opened.provenance()?;
        Ok(opened)
    }

    pub(crate) fn finish(&self, job: &Job, record: &Record) -> Result<(), Error> {
        Ok(write_sealed(&self.folder(job).join("record.json"), record)?)
    }
}

/// Reads a record file.
///
/// # Errors
/// A record that cannot be read, is damaged, or names files outside its folder.
pub fn read_record(path: &Path) -> Result<Record, Error> {
    let record: Record = read_sealed(path).map_err(|error| match error {
        ff_checkpoint::Error::Json { reason, .. } => wrong(path, format!("damaged record: {reason}")),
        ff_checkpoint::Error::Damaged { .. } => {
            wrong(path, "damaged record: its content does not match its digest".into())
        }
        other => other.into(),
    })?;
    let outside =
        |file: &&FileRef| !matches!(file.path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    match record.files().into_iter().find(outside) {
        Some(file) => Err(wrong(
            path,
            format!("expected file names in the record's folder, found `{}`", file.path.display()),
        )),
        None => Ok(record),
    }
}

fn wrong(path: &Path, reason: String) -> Error {
    let hint = "hint: `ff-grid doctor --repair` sets it aside, and the next run repeats the job";
    Error::File { path: path.to_owned(), reason: format!("{reason}\n{hint}") }
}
