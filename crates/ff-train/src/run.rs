//! The data of a training run, and how it is executed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::{Dataset, OnBadImage, Splits};

use crate::cancel::CancelToken;
use crate::config::TrainConfig;
use crate::evaluate::EvalSet;
use crate::history::EpochRecord;
use crate::hook::StepHook;
use crate::resume_every::ResumeEvery;

/// The images that a run trains and selects on.
pub struct TrainData {
    /// The dataset.
    pub dataset: Arc<dyn Dataset>,
    /// Indices of the training images.
    pub train: Arc<[usize]>,
    /// Validation images, on which the saved epoch is chosen.
    pub validation: Arc<EvalSet>,
}

impl TrainData {
    /// The training and validation images of a dataset, the latter resized to `image_size` and
    /// loaded in the thread that evaluates. Unreadable images are errors.
    pub fn new(dataset: Arc<dyn Dataset>, splits: &Splits, image_size: u32) -> Self {
        let validation = EvalSet::new(dataset.clone(), splits.val.clone(), image_size, 0, OnBadImage::Error);
        Self { dataset, train: splits.train.clone(), validation: Arc::new(validation) }
    }
}

/// How a run is executed. Apart from `hooks` and `optimizer`, nothing here changes its result.
pub struct Run<'a> {
    /// Folder of the run's files, created if missing. A run resumes from a resume point in it.
    pub folder: &'a Path,
    /// Provenance of the weights, written into every file and compared with a resume point's.
    pub provenance: Provenance,
    /// Optimizer state to start from, as an earlier run with `keep_optimizer` saved it.
    pub optimizer: Option<StateDict>,
    /// Loader threads; 0 loads in the training thread.
    pub loader_threads: usize,
    /// How to handle unreadable images.
    pub on_bad_image: OnBadImage,
    /// How often a resume point is written.
    pub resume_every: ResumeEvery,
    /// Token that is checked after every step.
    pub stop: CancelToken,
    /// Hooks that are called before every step.
    pub hooks: &'a mut [Box<dyn StepHook>],
    /// Function that is called after every epoch.
    pub on_epoch: &'a mut dyn FnMut(&EpochRecord),
}

impl<'a> Run<'a> {
    /// A run in `folder` without hooks: images are loaded by one thread, unreadable ones are errors,
    /// and a resume point is written every five minutes.
    ///
    /// ```
    /// # use std::path::Path;
    /// use ff_train::{ResumeEvery, Run, TrainConfig};
    ///
    /// let config = TrainConfig::default();
    /// let run = Run { resume_every: ResumeEvery::Steps(100), ..Run::new(Path::new("runs/first"), &config) };
    /// assert_eq!(run.provenance.recipe["epochs"], 50);
    /// ```
    pub fn new(folder: &'a Path, config: &TrainConfig) -> Self {
        let recipe = serde_json::to_value(config).expect("a configuration is plain data");
        Self {
            folder,
            provenance: Provenance::new("train", recipe),
            optimizer: None,
            loader_threads: 1,
            on_bad_image: OnBadImage::Error,
            resume_every: ResumeEvery::Time(Duration::from_secs(300)),
            stop: CancelToken::default(),
            hooks: &mut [],
            // A closure without captures has no size: nothing is allocated.
            on_epoch: Box::leak(Box::new(|_: &EpochRecord| ())),
        }
    }
}
