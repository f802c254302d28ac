//! Jobs, and the graph that they make.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::data::DataSource;
use super::id::JobId;
use super::spec::JobSpec;

/// A node of the graph. Two jobs with the same recipe and inputs are the same job, whatever table
/// they are in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Digest of the recipe, the inputs' identities and the data's: 16 hexadecimal digits.
    pub id: JobId,
    /// What people call it.
    pub label: String,
    /// What it computes.
    #[serde(alias = "recipe")]
    pub spec: JobSpec,
    /// Identities of the jobs whose results it needs, in the order the recipe expects.
    pub inputs: Vec<JobId>,
    /// Where its images are.
    pub data: DataSource,
    /// A file its weights start from.
    pub weights: Option<PathBuf>,
    /// A file of optimizer state that it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<PathBuf>,
    /// Its folder below the runs folder, where that is not `jobs/KIND-ID`: a run of its own is
    /// found by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PathBuf>,
    /// What a hierarchy can group its models by: `learning_rate`, `augmentation`, `seed`.
    pub fields: BTreeMap<String, String>,
    /// What it will cost.
    pub cost: Cost,
    /// Why it cannot run, if it cannot: data or weights that are not there.
    pub blocked: Option<String>,
    /// What a reader of its result must know of its data, such as patients in more than one split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Job {
    /// The identity of a recipe with inputs.
    pub(crate) fn identity(spec: &JobSpec, inputs: &[JobId]) -> JobId {
        let text = serde_json::to_string(&(spec.canonical(), inputs)).expect("recipes are plain data");
        blake3::hash(text.as_bytes()).to_hex()[..16].into()
    }

    /// Its folder, below the runs folder.
    pub fn folder(&self) -> PathBuf {
        let usual = || Path::new("jobs").join(format!("{}-{}", self.spec.kind(), self.id));
        self.place.clone().unwrap_or_else(usual)
    }
}

/// What a job costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Training epochs.
    pub epochs: u64,
    /// Training images.
    pub train_images: u64,
    /// Images predicted: validation of each epoch, of each candidate, or a test split; and those
    /// that BatchNorm statistics are computed from.
    pub evaluated_images: u64,
    /// Sets of weights evaluated.
    pub evaluations: u64,
}

impl Cost {
    /// How long it takes, roughly, in images evaluated: one that is trained on counts as three.
    pub fn weight(&self) -> u64 {
        3 * self.train_images + self.evaluated_images
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.train_images += other.train_images;
        self.evaluated_images += other.evaluated_images;
        self.evaluations += other.evaluations;
    }
}

/// Jobs in an order in which each comes after its inputs, to be found by identity.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    list: Vec<Job>,
    places: HashMap<JobId, usize>,
}

impl Jobs {
    /// Jobs, each after its inputs.
    pub fn new(list: Vec<Job>) -> Self {
        let places = list.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
        Self { list, places }
    }

    /// The job of that identity.
    pub fn find(&self, id: &str) -> Option<&Job> {
        self.place(id).map(|at| &self.list[at])
    }

    /// The jobs that need each job's result, by place.
    pub(crate) fn followers(&self) -> Vec<Vec<usize>> {
        let mut followers = vec![Vec::new(); self.list.len()];
        for (at, job) in self.list.iter().enumerate() {
            for input in job.inputs.iter().unique().filter_map(|id| self.place(id)) {
                followers[input].push(at);
            }
        }
        followers
    }

    /// Where it stands.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// These jobs and their inputs, in the same order.
    pub fn with_inputs<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted: HashSet<&str> = HashSet::new();
        for job in ids.into_iter().filter_map(|id| self.find(id)) {
            wanted.insert(&job.id);
            wanted.extend(job.inputs.iter().map(JobId::as_str));
        }
        Self::new(self.list.iter().filter(|job| wanted.contains(job.id.as_str())).cloned().collect())
    }
}

impl Deref for Jobs {
    type Target = [Job];

    fn deref(&self) -> &[Job] {
        &self.list
    }
}
