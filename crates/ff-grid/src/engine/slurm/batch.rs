//! What was sent off together, as it is noted in the runs folder.

use std::path::{Path, PathBuf};

use ff_checkpoint::{entries, read_sealed, write_json, write_sealed};
use serde::{Deserialize, Serialize};

use super::arrays::Array;
use super::client::Row;
use crate::config::RunConfig;
use crate::error::Error;
use crate::job::{Job, JobId, Jobs};
use crate::store::RunStore;

/// Arrays that were sent off together, and everything that their tasks have to know. It is written
/// before the first of them is sent, so that nothing is in the queue that is not noted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// Its folder's name; its arrays' names begin with it.
    pub name: String,
    /// The table it was made for.
    pub table: String,
    /// The software's version.
    pub code_version: String,
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
    /// Where relative paths of datasets start.
    pub data_root: PathBuf,
    /// How jobs are run.
    pub run: RunConfig,
    /// The jobs, in batches from before each array had a file of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// The arrays.
    pub arrays: Vec<Array>,
}

/// What the tasks of an array have to know.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayJobs {
    /// Their jobs, and the inputs of those.
    jobs: Vec<Job>,
}

/// What became of sending an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sent {
    /// The scheduler's number for it.
    As(String),
    /// The scheduler's words.
    Refused(String),
}

/// What became of sending a batch's arrays, in their order; one that is not here was not sent, or
/// not noted yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    pub arrays: Vec<Sent>,
}

impl Answers {
    /// The scheduler's number for an array.
    pub fn number(&self, array: usize) -> Option<&str> {
        match self.arrays.get(array)? {
            Sent::As(number) => Some(number),
            Sent::Refused(_) => None,
        }
    }
}

impl Batch {
    /// All batches of a runs folder, the oldest first.
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
            let hint =
                format!("hint: once nothing of it is in the queue, the folder {folder} may be removed");
            Error::Job(format!("{error}\n{hint}"))
        })
    }

    /// Notes it, and for each array the jobs that its tasks have to know: their own and the inputs
    /// of those. The first array, the preflight check, has all.
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

    /// What the tasks of an array have to know.
    pub fn jobs_of(&self, folder: &Path, array: usize) -> Result<Jobs, Error> {
        let jobs = if self.jobs.is_empty() {
            read_sealed::<ArrayJobs>(&Self::jobs_file(folder, array))?.jobs
        } else {
            self.jobs.clone()
        };
        Ok(Jobs::new(jobs))
    }

    /// The folder of all batches.
    pub fn root(runs: &RunStore) -> PathBuf {
        runs.root().join("slurm")
    }

    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        Self::root(runs).join(&self.name)
    }

    /// An array's name in the queue.
    pub fn name_of(&self, array: usize) -> String {
        format!("{}.{array:03}-{}", self.name, self.arrays[array].kind)
    }

    /// The file that a task writes what it has to say into.
    pub fn log(&self, runs: &RunStore, array: usize, task: u32) -> PathBuf {
        self.folder(runs).join("logs").join(format!("{}_{task}.log", self.name_of(array)))
    }

    /// What became of sending its arrays, as far as it is noted.
    pub fn answers(&self, runs: &RunStore) -> Result<Answers, Error> {
        let file = self.folder(runs).join("sent.json");
        if file.exists() { Ok(read_sealed(&file)?) } else { Ok(Answers::default()) }
    }

    /// Notes that.
    pub fn note(&self, runs: &RunStore, answers: &Answers) -> Result<(), Error> {
        Ok(write_sealed(&self.folder(runs).join("sent.json"), answers)?)
    }

    /// Notes that a compute node was looked at, and all was well.
    pub fn note_checked(&self, runs: &RunStore) -> Result<(), Error> {
        Ok(write_json(&self.folder(runs).join("checked.json"), &self.code_version)?)
    }

    /// Whether that is so.
    pub fn is_checked(&self, runs: &RunStore) -> bool {
        self.folder(runs).join("checked.json").exists()
    }

    /// Whether a task in the queue is one of its.
    pub fn has(&self, row: &Row) -> bool {
        row.name.rsplit_once('.').is_some_and(|(batch, _)| batch == self.name)
    }
}
