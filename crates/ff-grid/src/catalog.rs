//! The datasets of a plan, opened once and shared by all jobs.
//!
//! Opening a dataset hashes its files. The hashes are kept in the runs folder, so that later
//! commands read only the files that changed. Commands that only plan (`plan`, `status`) do not
//! create the runs folder: before the first run they hash the data each time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ff_data::{Dataset, FileHashes, InMemory, OnBadImage, ResizedCache, Splits};
use ff_train::{CancelToken, EvalSet, Fitting, Recalibration};

use super::error::Error;
use crate::config::RunConfig;
use crate::job::{DataIdentity, DataSource, EvalSplit};

/// An open dataset with its splits.
pub struct OpenDataset {
    /// The images.
    pub dataset: Arc<dyn Dataset>,
    /// The training, validation and test images.
    pub splits: Splits,
    /// The identity of the images and of their split.
    pub identity: DataIdentity,
    /// Notes for a reader of results: images and groups that are in more than one split, then what
    /// was chosen or left out when the dataset was opened.
    pub remarks: Vec<String>,
}

impl OpenDataset {
    /// Returns true if images of a split are in groups, such as patients.
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

/// The data, the size and the batch size of images, and their number.
type RecalibrationKey = (DataIdentity, u32, usize, Option<usize>);

/// Training images for BatchNorm statistics are kept for later jobs up to this many bytes of pixels:
/// three times 2,048 images of 224 px.
const RECALIBRATION_BYTES: usize = 1 << 30;

/// Opens each dataset once, and shares it between all jobs of a process.
///
/// ```
/// use std::path::Path;
///
/// use ff_data::datasets::PhantomConfig;
/// use ff_grid::{Catalog, DataSource, DatasetConfig, OnBadImage, SplitRule};
///
/// let catalog = Catalog::new(Path::new("data"), None, 0, OnBadImage::Error, 512 << 20);
/// let source = DatasetConfig::Phantom(PhantomConfig { train: 60, ..PhantomConfig::default() });
/// let data = DataSource { source, split: Some(SplitRule::default()), shrink_px: None };
/// assert_eq!(catalog.open(&data)?.splits.train.len(), 60);
/// # Ok::<(), String>(())
/// ```
pub struct Catalog {
    root: PathBuf,
    cache: Option<PathBuf>,
    hashes: FileHashes,
    on_bad_image: OnBadImage,
    loader_threads: usize,
    cache_bytes: usize,
    stop: CancelToken,
    opened: Mutex<HashMap<String, Result<Arc<OpenDataset>, String>>>,
    /// The last one was used last.
    recalibrations: Mutex<Vec<(RecalibrationKey, Arc<Recalibration>)>>,
    eval_sets: Mutex<HashMap<(DataIdentity, EvalSplit, u32), Arc<EvalSet>>>,
}

impl Catalog {
    /// Makes an empty catalog.
    ///
    /// Relative paths of datasets start at `root`. Shrunk images and hashes of files are kept in
    /// the folder `cache`, for later processes too. If the folder does not exist, hashes are not
    /// written before [`Catalog::start`]. A dataset that is not shrunk keeps up to `cache_bytes` of
    /// decoded images in memory.
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
            recalibrations: Mutex::default(),
            eval_sets: Mutex::default(),
        }
    }

    /// Makes the catalog of a run with the number `sources` of datasets, which share
    /// `run.cache_mib`.
    ///
    /// Relative paths of datasets start at `data_root`. The cache is in the runs folder `runs`.
    pub fn of(run: &RunConfig, sources: usize, data_root: &Path, runs: &Path) -> Self {
        let cache_bytes = (run.cache_mib << 20) / sources.max(1);
        let threads = run.loader_threads.unwrap_or(1);
        Self::new(data_root, Some(&runs.join("cache")), threads, run.on_bad_image, cache_bytes)
    }

    /// Allows hashes of files to be written. Call it when jobs start to run.
    pub fn start(&self) {
        self.hashes.release();
    }

    /// Sets the token that cancels evaluations.
    pub fn stopped_by(self, stop: CancelToken) -> Self {
        Self { stop, ..self }
    }

    /// Sets the number of threads that load images.
    pub fn loading_on(self, loader_threads: usize) -> Self {
        Self { loader_threads, ..self }
    }

    /// Returns the number of threads that load images.
    pub fn loader_threads(&self) -> usize {
        self.loader_threads
    }

    /// Opens a dataset and splits it by its rule.
    ///
    /// Without a rule the dataset is for evaluation only: its test split is its own, or all images
    /// if it has none.
    ///
    /// # Errors
    /// Why the dataset cannot be opened or split. Later calls return the same error.
    pub fn open(&self, data: &DataSource) -> Result<Arc<OpenDataset>, String> {
        let key = serde_json::to_string(data).map_err(|error| error.to_string())?;
        let mut opened = self.opened.lock().expect("no panic while opening");
        opened.entry(key).or_insert_with(|| self.open_now(data).map_err(|e| e.to_string())).clone()
    }

    fn open_now(&self, data: &DataSource) -> Result<Arc<OpenDataset>, Error> {
        let source = serde_json::to_value(&data.source).unwrap_or_default();
        if let Some(path) = source["path"].as_str() {
            tracing::info!("opening dataset {} ({})", path, data.source.kind());
        }
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
        let leakage = splits.leakage(dataset.as_ref()).summary();
        let remarks = leakage.into_iter().chain(dataset.notes().iter().cloned()).collect();
        Ok(Arc::new(OpenDataset { dataset, splits, identity, remarks }))
    }

    /// Returns a dataset's training images as the source of recomputed BatchNorm statistics: at most
    /// `images` of them ([`Recalibration::sample`]). Jobs share their pixels. Of several datasets,
    /// those used last are kept for later jobs, up to 1 GiB.
    pub fn recalibration(
        &self,
        data: &OpenDataset,
        image_size: u32,
        batch_size: usize,
        images: Option<usize>,
    ) -> Arc<Recalibration> {
        let mut all = self.recalibrations.lock().expect("no panic while inserting");
        let make = || {
            let train = &data.splits.train;
            let indices = images.map_or_else(|| train.clone(), |images| Recalibration::sample(train, images));
            let (dataset, threads) = (data.dataset.clone(), self.loader_threads);
            let made =
                Recalibration::new(dataset, indices, image_size, batch_size, threads, self.on_bad_image);
            Arc::new(made.stopped_by(self.stop.clone()))
        };
        let key = (data.identity.clone(), image_size, batch_size, images);
        let known = all.iter().position(|(other, _)| *other == key);
        let found = known.map_or_else(make, |at| all.remove(at).1);
        all.push((key, found.clone()));
        while all.len() > 1
            && all.iter().map(|(_, one)| one.kept_bytes()).sum::<usize>() > RECALIBRATION_BYTES
        {
            all.remove(0);
        }
        found
    }

    /// Divides validation images of a dataset, given by their indices, to fit on them.
    ///
    /// # Errors
    /// Too few images; those of loading them.
    pub fn fitting(&self, data: &OpenDataset, indices: &[usize], image_size: u32) -> Result<Fitting, Error> {
        let stop = self.stop.clone();
        let (threads, bad) = (self.loader_threads, self.on_bad_image);
        Ok(Fitting::new(&data.dataset, indices, image_size, threads, bad, stop)?)
    }

    /// Returns a split of a dataset to evaluate on. All jobs share its pixels.
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

#[cfg(test)]
mod tests {
    use ff_data::datasets::PhantomConfig;
    use ff_data::{DatasetConfig, SplitRule};

    use super::*;

    #[test]
    fn images_to_recompute_from_are_shared_and_bounded() {
        let catalog = Catalog::new(Path::new(""), None, 0, OnBadImage::Error, 0);
        let source = DatasetConfig::Phantom(PhantomConfig { train: 20, ..PhantomConfig::default() });
        let source = DataSource { source, split: Some(SplitRule::default()), shrink_px: None };
        let data = catalog.open(&source).unwrap();
        let of_size = |size| catalog.recalibration(&data, size, 8, None);
        // Four times 252 MB of pixels fit into 1 GiB.
        let sizes = [2048, 2047, 2046, 2045, 2044];
        let made = sizes.map(of_size);
        for (made, size) in made.iter().zip(sizes).skip(1) {
            assert!(Arc::ptr_eq(made, &of_size(size)), "{size}");
        }
        assert!(!Arc::ptr_eq(&made[0], &of_size(2048)));
        assert!(!Arc::ptr_eq(&made[1], &of_size(2047)), "it was not used for the longest time");

        let sample = catalog.recalibration(&data, 16, 8, Some(7));
        assert_eq!((sample.images(), catalog.recalibration(&data, 16, 8, Some(70)).images()), (7, 20));
    }
}
