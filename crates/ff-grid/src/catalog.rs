//! The datasets of a plan, opened once and shared by all jobs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_data::{Dataset, FileHashes, InMemory, OnBadImage, ResizedCache, Splits};
use ff_train::{CancelToken, EvalSet, Recalibration};

use super::error::Error;
use crate::config::RunConfig;
use crate::job::{DataIdentity, DataSource, EvalSplit};

/// A dataset and its division.
pub struct OpenDataset {
    /// The images.
    pub dataset: Arc<dyn Dataset>,
    /// What is trained on, selected on and tested on.
    pub splits: Splits,
    /// Its identity.
    pub identity: DataIdentity,
    /// What a reader of results must know of it: images and groups in more than one split.
    pub remarks: Vec<String>,
}

impl OpenDataset {
    /// Whether images of that part are in groups, such as patients.
    pub fn has_groups(&self, part: EvalSplit) -> bool {
        let samples = self.dataset.samples();
        self.indices(part).iter().any(|&index| samples[index].group.is_some())
    }

    fn indices(&self, part: EvalSplit) -> &Arc<[usize]> {
        match part {
            EvalSplit::Validation => &self.splits.val,
            EvalSplit::Test => &self.splits.test,
        }
    }
}

/// Opens datasets below one root, each once.
pub struct Catalog {
    root: PathBuf,
    cache: Option<PathBuf>,
    hashes: FileHashes,
    on_bad_image: OnBadImage,
    loader_threads: usize,
    cache_bytes: usize,
    stop: CancelToken,
    opened: Mutex<HashMap<String, Result<Arc<OpenDataset>, String>>>,
    eval_sets: Mutex<HashMap<(DataIdentity, EvalSplit, u32), Arc<EvalSet>>>,
}

impl Catalog {
    /// An empty catalog. Relative paths of datasets start at `root`. Images that are shrunk, and
    /// hashes of files, are kept in the folder `cache` for all processes and times, but where there
    /// is no such folder yet hashes wait for
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
            stop: CancelToken::default(),
            opened: Mutex::default(),
            eval_sets: Mutex::default(),
        }
    }

    /// The catalog of a run of so many datasets whose relative paths start at `data_root`, with its
    /// cache below a runs folder.
    pub fn of(run: &RunConfig, sources: usize, data_root: &Path, runs: &Path) -> Self {
        let cache_bytes = (run.cache_mib << 20) / sources.max(1);
        let threads = run.loader_threads.unwrap_or(1);
        Self::new(data_root, Some(&runs.join("cache")), threads, run.on_bad_image, cache_bytes)
    }

    /// The work that the datasets were opened for begins: hashes of their files may be written.
    pub fn start(&self) {
        self.hashes.release();
    }

    /// With a wish to stop that every evaluation looks at.
    pub fn stopped_by(self, stop: CancelToken) -> Self {
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

    /// A dataset divided by its rule; without a rule, only to be evaluated on: its own test split,
    /// or all of it.
    ///
    /// # Errors
    /// Why it cannot be opened, the same each time it is asked for.
    pub fn open(&self, data: &DataSource) -> Result<Arc<OpenDataset>, String> {
        let key = serde_json::to_string(data).map_err(|error| error.to_string())?;
        let mut opened = self.opened.lock().expect("no panic while opening");
        opened.entry(key).or_insert_with(|| self.open_now(data).map_err(|e| e.to_string())).clone()
    }

    fn open_now(&self, data: &DataSource) -> Result<Arc<OpenDataset>, Error> {
        let dataset = data.source.open(&self.root, &self.hashes)?;
        let dataset: Arc<dyn Dataset> = match data.shrink_px {
            Some(image_size) => Arc::new(ResizedCache::new(dataset, image_size, self.cache.as_deref())),
            None => Arc::new(InMemory::new(dataset, self.cache_bytes)),
        };
        let splits = match &data.split {
            Some(rule) => rule.split(dataset.as_ref(), &self.root)?,
            None => Splits {
                train: Arc::default(),
                val: Arc::default(),
                test: Splits::evaluation_only(dataset.as_ref())?,
            },
        };
        let identity = DataIdentity::of(dataset.as_ref(), &splits);
        let remarks = splits.leakage(dataset.as_ref()).summary().into_iter().collect();
        Ok(Arc::new(OpenDataset { dataset, splits, identity, remarks }))
    }

    /// A dataset's training images, to compute BatchNorm statistics from.
    pub fn recalibration(&self, data: &OpenDataset, image_size: u32, batch_size: usize) -> Recalibration {
        let (dataset, indices) = (data.dataset.clone(), data.splits.train.clone());
        Recalibration::new(dataset, indices, image_size, batch_size, self.loader_threads, self.on_bad_image)
            .stopped_by(self.stop.clone())
    }

    /// A part of a dataset to evaluate on, its pixels shared by all jobs that do.
    pub fn eval_set(&self, data: &OpenDataset, part: EvalSplit, image_size: u32) -> Arc<EvalSet> {
        let mut sets = self.eval_sets.lock().expect("no panic while inserting");
        let make = || {
            let indices = data.indices(part).clone();
            let dataset = data.dataset.clone();
            let set = EvalSet::new(dataset, indices, image_size, self.loader_threads, self.on_bad_image);
            Arc::new(set.stopped_by(self.stop.clone()))
        };
        sets.entry((data.identity.clone(), part, image_size)).or_insert_with(make).clone()
    }
}
