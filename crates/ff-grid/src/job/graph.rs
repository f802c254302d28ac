//! Jobs, and the graph of their dependencies.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::data::DataSource;
use super::id::JobId;
use super::names::with_usual;
use super::spec::{JobSpec, Training};

/// A node of the graph. Two jobs with the same specification and inputs are the same job, also in
/// different tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Identity of the specification and the inputs.
    pub id: JobId,
    /// Name for people.
    pub label: String,
    /// What it computes.
    #[serde(alias = "recipe")]
    pub spec: JobSpec,
    /// Identities of the jobs whose results it needs, in the order that its kind expects.
    pub inputs: Vec<JobId>,
    /// Where its images are.
    pub data: DataSource,
    /// File of weights that it starts from.
    pub weights: Option<PathBuf>,
    /// File of optimizer state that it continues with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<PathBuf>,
    /// Its folder below the runs folder. `None`: `jobs/KIND-ID`. A single run has its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PathBuf>,
    /// What tells it from the other runs of its table, for the names of its models;
    /// [`Job::group_fields`] has all fields to group by.
    pub fields: BTreeMap<String, String>,
    /// Its expected cost.
    pub cost: Cost,
    /// Why it cannot run: missing data or weights. `None`: it can run.
    pub blocked: Option<String>,
    /// Notes on its data for a reader of its result, such as patients in more than one split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Whether its record has statistics of the trained model's kernels, which a table of in-model
    /// merging shows. They take an eigenvalue problem for each convolution.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kernels: bool,
}

impl Job {
    /// Computes the identity of a specification with inputs.
    pub(crate) fn identity(spec: &JobSpec, inputs: &[JobId]) -> JobId {
        let text = serde_json::to_string(&(spec.canonical(), inputs)).expect("recipes are plain data");
        blake3::hash(text.as_bytes()).to_hex()[..16].into()
    }

    /// Returns the fields that a hierarchy can group a run's models by: `learning_rate`,
    /// `augmentation`, `seed`, `sample` and `image_size`.
    pub fn group_fields(&self) -> BTreeMap<String, String> {
        match self.spec.training() {
            Some(Training { model, train, .. }) => with_usual(self.fields.clone(), model, train),
            None => self.fields.clone(),
        }
    }

    /// Returns its folder, below the runs folder.
    pub fn folder(&self) -> PathBuf {
        self.place.clone().unwrap_or_else(|| usual_folder(&self.spec, &self.id))
    }
}

/// Returns the folder of a job below the runs folder, unless it has a place of its own.
pub(super) fn usual_folder(spec: &JobSpec, id: &JobId) -> PathBuf {
    Path::new("jobs").join(format!("{}-{id}", spec.kind()))
}

/// The cost of a job, in epochs, images and evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Training epochs.
    pub epochs: u64,
    /// Training images.
    pub train_images: u64,
    /// Images predicted: validation images for each epoch or candidate, or test images; and training
    /// images read for statistics: of BatchNorm for each candidate, and of each model for a merge
    /// method that needs them, where a backward pass counts as two.
    pub evaluated_images: u64,
    /// Sets of weights evaluated.
    pub evaluations: u64,
}

impl Cost {
    /// Estimates the work in evaluated images: a training image counts as three.
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

impl std::ops::Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            epochs: self.epochs - other.epochs,
            train_images: self.train_images - other.train_images,
            evaluated_images: self.evaluated_images - other.evaluated_images,
            evaluations: self.evaluations - other.evaluations,
        }
    }
}

/// A list of jobs in which each comes after its inputs, with an index by identity.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    list: Vec<Job>,
    places: HashMap<JobId, usize>,
}

impl Jobs {
    /// Indexes jobs, each of which must come after its inputs.
    pub fn new(list: Vec<Job>) -> Self {
        let places = list.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect();
        Self { list, places }
    }

    /// Finds a job by its identity.
    pub fn find(&self, id: &str) -> Option<&Job> {
        self.place(id).map(|at| &self.list[at])
    }

    /// Returns, for each job, the indices of the jobs that need its result.
    pub(crate) fn followers(&self) -> Vec<Vec<usize>> {
        let mut followers = vec![Vec::new(); self.list.len()];
        for (at, job) in self.list.iter().enumerate() {
            for input in job.inputs.iter().unique().filter_map(|id| self.place(id)) {
                followers[input].push(at);
            }
        }
        followers
    }

    /// Returns the jobs that need the result of a job, and those that need theirs, in no order.
    pub(crate) fn all_followers(&self, id: &str) -> Vec<&Job> {
        let followers = self.followers();
        let (mut open, mut seen) = (Vec::from_iter(self.place(id)), HashSet::new());
        while let Some(at) = open.pop() {
            open.extend(followers[at].iter().filter(|next| seen.insert(**next)));
        }
        seen.into_iter().map(|at| &self.list[at]).collect()
    }

    /// Returns the index of a job.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Returns the given jobs and their inputs, in the order of this list.
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
