//! The arrays of one submission, as files in the runs folder (`slurm/BATCH`).

use std::path::{Path, PathBuf};

use ff_checkpoint::{entries, read_sealed, write_json, write_sealed};
use serde::{Deserialize, Serialize};

use super::arrays::Array;
use super::client::Row;
use crate::config::RunConfig;
use crate::error::Error;
use crate::job::{Job, JobId, Jobs};
use crate::store::RunStore;

/// The arrays of one submission and the settings that their tasks need (`batch.json`).
///
/// It is written before the first array is submitted, so every task in the queue is listed here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// The name of its folder, and the beginning of its arrays' names.
    pub name: String,
    /// The table that it is for.
    pub table: String,
    /// The software's version.
    pub code_version: String,
    /// The time of submission, in milliseconds since 1970.
    pub made: u64,
    /// Where relative paths of datasets start.
    pub data_root: PathBuf,
    /// How jobs are run.
    pub run: RunConfig,
    /// The jobs, in old batches whose arrays have no files of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// The arrays.
    pub arrays: Vec<Array>,
}

/// The jobs of an array's tasks (`jobs/NNN.json`).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayJobs {
    /// The jobs and their inputs.
    jobs: Vec<Job>,
}

/// The scheduler's answer to the submission of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// The scheduler's number for it.
    As(String),
    /// The scheduler's error.
    Refused(String),
}

/// The scheduler's answers for a batch's arrays, in their order (`sent.json`).
///
/// An array that is absent was not submitted, or its answer is not written yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    pub arrays: Vec<Answer>,
}

impl Answers {
    /// The scheduler's number for an array.
    pub fn number(&self, array: usize) -> Option<&str> {
        match self.arrays.get(array)? {
            Answer::As(number) => Some(number),
            Answer::Refused(_) => None,
        }
    }
}

impl Batch {
    /// Reads all batches of a runs folder, the oldest first.
    pub fn all(runs: &RunStore) -> Result<Vec<Self>, Error> {
        let folders = entries(&Self::root(runs))?.into_iter();
        let folders = folders.filter(|folder| folder.join("batch.json").is_file());
        let mut batches = folders.map(|folder| Self::open(&folder)).collect::<Result<Vec<_>, _>>()?;
        batches.sort_by(|a, b| (a.made, &a.name).cmp(&(b.made, &b.name)));
        Ok(batches)
    }

    /// Reads the batch of a folder.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        read_sealed(&folder.join("batch.json")).map_err(|error| {
            let folder = folder.display();
            let hint = format!("hint: remove the folder {folder} when none of its tasks is in the queue");
            Error::Job(format!("{error}\n{hint}"))
        })
    }

    /// Writes the batch, and for each array the jobs of its tasks with their inputs. The first
    /// array, the preflight check, has the jobs of all arrays.
    pub fn write(&self, runs: &RunStore, jobs: &Jobs) -> Result<(), Error> {
        let folder = self.folder(runs);
        for folder in [folder.join("logs"), folder.join("scripts"), folder.join("jobs")] {
            std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        for (at, array) in self.arrays.iter().enumerate() {
            let arrays = if at == 0 { &self.arrays[..] } else { std::slice::from_ref(array) };
            let ids = arrays.iter().flat_map(|array| array.tasks.values().flatten());
            let jobs = jobs.with_inputs(ids.map(JobId::as_str)).to_vec();
            write_sealed(&Self::jobs_file(&folder, at), &ArrayJobs { jobs })?;
        }
        Ok(write_sealed(&folder.join("batch.json"), self)?)
    }

    fn jobs_file(folder: &Path, array: usize) -> PathBuf {
        folder.join("jobs").join(format!("{array:03}.json"))
    }

    /// Reads the jobs of an array's tasks, and their inputs.
    pub fn jobs_of(&self, folder: &Path, array: usize) -> Result<Jobs, Error> {
        let jobs = if self.jobs.is_empty() {
            read_sealed::<ArrayJobs>(&Self::jobs_file(folder, array))?.jobs
        } else {
            self.jobs.clone()
        };
        Ok(Jobs::new(jobs))
    }

    /// Returns the folder of all batches.
    pub fn root(runs: &RunStore) -> PathBuf {
        runs.root().join("slurm")
    }

    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        Self::root(runs).join(&self.name)
    }

    /// Returns an array's name in the queue.
    pub fn name_of(&self, array: usize) -> String {
        format!("{}.{array:03}-{}", self.name, self.arrays[array].kind)
    }

    /// Returns the path of a task's log.
    pub fn log(&self, runs: &RunStore, array: usize, task: u32) -> PathBuf {
        self.folder(runs).join("logs").join(format!("{}_{task}.log", self.name_of(array)))
    }

    /// Reads the scheduler's answers, as far as they are written.
    pub fn answers(&self, runs: &RunStore) -> Result<Answers, Error> {
        let file = self.folder(runs).join("sent.json");
        if file.exists() { Ok(read_sealed(&file)?) } else { Ok(Answers::default()) }
    }

    /// Writes the scheduler's answers.
    pub fn note(&self, runs: &RunStore, answers: &Answers) -> Result<(), Error> {
        Ok(write_sealed(&self.folder(runs).join("sent.json"), answers)?)
    }

    /// Records that the preflight check succeeded.
    pub fn note_checked(&self, runs: &RunStore) -> Result<(), Error> {
        Ok(write_json(&self.folder(runs).join("checked.json"), &self.code_version)?)
    }

    /// Returns true if the preflight check succeeded.
    pub fn is_checked(&self, runs: &RunStore) -> bool {
        self.folder(runs).join("checked.json").exists()
    }

    /// Returns true if a task in the queue belongs to the batch.
    pub fn has(&self, row: &Row) -> bool {
        row.name.rsplit_once('.').is_some_and(|(batch, _)| batch == self.name)
    }
}
