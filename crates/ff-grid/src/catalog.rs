//! The datasets of a plan, opened once and shared by all jobs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_data::{Dataset, FileHashes, InMemory, OnBadImage, Shrunk, Splits};
use ff_train::{EvalSet, Recalibration, Stop};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::{DataSource, Error, RunConfig, Study};

/// A dataset and its division.
pub struct Opened {
    /// The images.
    pub dataset: Arc<dyn Dataset>,
    /// What is trained on, selected on and tested on.
    pub splits: Splits,
    /// Its identity.
    pub identity: DataIdentity,
    /// What a reader of results must know of it: images and groups in more than one split.
    pub remarks: Vec<String>,
}

impl Opened {
    /// Whether images of that part are in groups, such as patients.
    pub fn has_groups(&self, part: Part) -> bool {
        let samples = self.dataset.samples();
        self.indices(part).iter().any(|&index| samples[index].group.is_some())
    }

    fn indices(&self, part: Part) -> &Arc<[usize]> {
        match part {
            Part::Validation => &self.splits.val,
            Part::Test => &self.splits.test,
        }
    }
}

/// What a job's result depends on, of its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Digest of images and labels.
    pub digest: String,
    /// Digest of the division.
    pub division: String,
}

/// Part of a dataset that predictions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What selection sees.
    Validation,
    /// What only evaluation sees.
    Test,
}

/// Threads that load images where nobody says how many, of so many that may be busy: training on the CPU needs them itself,
/// beside a GPU they have nothing else to do.
pub fn loader_threads(device: Device, threads: usize) -> usize {
    if device.is_cuda() { threads.saturating_sub(1).max(1) } else { 1 }
}

/// Opens datasets below one root, each once.
pub struct Catalog {
    root: PathBuf,
    cache: Option<PathBuf>,
    hashes: FileHashes,
    on_bad_image: OnBadImage,
    loader_threads: usize,
    cache_bytes: usize,
    stop: Stop,
    opened: Mutex<HashMap<String, Result<Arc<Opened>, String>>>,
    eval_sets: Mutex<HashMap<(DataIdentity, Part, u32), Arc<EvalSet>>>,
}

impl Catalog {
    /// An empty catalog. Relative paths of datasets start at `root`. Images that are shrunk, and hashes of files, are
    /// kept in the folder `cache` for all processes and times, but where there is no such folder yet hashes wait for
    /// [`Catalog::start`]; other datasets keep up to `cache_bytes` of decoded images
    /// in memory for the next epoch and the next job.
    pub fn new(
        root: &Path,
        cache: Option<&Path>,
        loader_threads: usize,
        on_bad_image: OnBadImage,
        cache_bytes: usize,
    ) -> Self {
        Self {
            root: root.to_owned(),
            cache: cache.map(|folder| folder.join("images")),
            hashes: cache
                .map_or_else(FileHashes::none, |folder| FileHashes::open(&folder.join("hashes.txt")).held()),
            on_bad_image,
            loader_threads,
            cache_bytes,
            stop: Stop::default(),
            opened: Mutex::default(),
            eval_sets: Mutex::default(),
        }
    }

    /// The catalog of a study whose relative paths start at `data_root`, with its cache below a runs folder.
    pub fn of(study: &Study, data_root: &Path, runs: &Path) -> Self {
        Self::of_run(study.run(), study.sources().len(), data_root, runs)
    }

    /// The same for so many of its datasets.
    pub(crate) fn of_run(run: &RunConfig, sources: usize, data_root: &Path, runs: &Path) -> Self {
        let cache_bytes = (run.cache_mib << 20) / sources.max(1);
        let threads = run.loader_threads.unwrap_or(1);
        Self::new(data_root, Some(&runs.join("cache")), threads, run.on_bad_image, cache_bytes)
    }

    /// The work that the datasets were opened for begins: hashes of their files may be written.
    pub fn start(&self) {
        self.hashes.release();
    }

    /// With a wish to stop that every evaluation looks at.
    pub fn stopped_by(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// With another number of threads that load images.
    pub fn loading_on(self, loader_threads: usize) -> Self {
        Self { loader_threads, ..self }
    }

    /// Threads that load images.
    pub fn loader_threads(&self) -> usize {
        self.loader_threads
    }

    /// A dataset divided by its rule; without a rule, only to be evaluated on: its own test split, or all of it.
    ///
    /// # Errors
    /// Why it cannot be opened, the same each time it is asked for.
    pub fn open(&self, data: &DataSource) -> Result<Arc<Opened>, String> {
        let key = serde_json::to_string(data).map_err(|error| error.to_string())?;
        let mut opened = self.opened.lock().expect("no panic while opening");
        opened.entry(key).or_insert_with(|| self.open_now(data).map_err(|e| e.to_string())).clone()
    }

    fn open_now(&self, data: &DataSource) -> Result<Arc<Opened>, Error> {
        let dataset = data.source.open(&self.root, &self.hashes)?;
        let dataset: Arc<dyn Dataset> = match data.shrink_px {
            Some(px) => Arc::new(Shrunk::new(dataset, px, self.cache.as_deref())),
            None => Arc::new(InMemory::new(dataset, self.cache_bytes)),
        };
        let splits = match &data.split {
            Some(rule) => rule.divide(dataset.as_ref(), &self.root)?,
            None => Splits {
                train: Arc::default(),
                val: Arc::default(),
                test: Splits::evaluation_only(dataset.as_ref())?,
            },
        };
        let identity = DataIdentity::of(dataset.as_ref(), &splits);
        let remarks = splits.leakage(dataset.as_ref()).summary().into_iter().collect();
        Ok(Arc::new(Opened { dataset, splits, identity, remarks }))
    }

    /// A dataset's training images, to compute BatchNorm statistics from.
    pub fn recalibration(&self, data: &Opened, px: u32, batch_size: usize) -> Recalibration {
        let (dataset, indices) = (data.dataset.clone(), data.splits.train.clone());
        Recalibration::new(dataset, indices, px, batch_size, self.loader_threads, self.on_bad_image)
            .stopped_by(self.stop.clone())
    }

    /// A part of a dataset to evaluate on, its pixels shared by all jobs that do.
    pub fn eval_set(&self, data: &Opened, part: Part, px: u32) -> Arc<EvalSet> {
        let mut sets = self.eval_sets.lock().expect("no panic while inserting");
        let make = || {
            let indices = data.indices(part).clone();
            let dataset = data.dataset.clone();
            let set = EvalSet::new(dataset, indices, px, self.loader_threads, self.on_bad_image);
            Arc::new(set.stopped_by(self.stop.clone()))
        };
        sets.entry((data.identity.clone(), part, px)).or_insert_with(make).clone()
    }
}

impl DataIdentity {
    /// The identity of a dataset divided in a certain way.
    pub fn of(dataset: &dyn Dataset, splits: &Splits) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [&splits.train, &splits.val, &splits.test] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            for &index in part.iter() {
                hasher.update(&(index as u64).to_le_bytes());
            }
        }
        Self { digest: dataset.digest().to_owned(), division: hasher.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_a_gpu_leaves_idle_load_images() {
        let of = |device| [1, 2, 16].map(|threads| loader_threads(device, threads));
        assert_eq!((of(Device::Cpu), of(Device::Cuda(1))), ([1, 1, 1], [1, 1, 15]));
    }
}
