//! What a run works on, and how it is carried out.

use std::path::Path;
use std::sync::Arc;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::{Dataset, OnBadImage};

use crate::cancel::CancelToken;
use crate::evaluate::EvalSet;
use crate::history::EpochRecord;
use crate::hook::StepHook;
use crate::resume_every::ResumeEvery;

/// What to train and select on.
pub struct TrainData {
    /// The images.
    pub dataset: Arc<dyn Dataset>,
    /// Those to train on.
    pub train: Arc<[usize]>,
    /// Those to select on.
    pub validation: Arc<EvalSet>,
}

/// How a run is carried out. Apart from hooks and the optimizer state it starts from, nothing here
/// changes its result.
pub struct Run<'a> {
    /// The folder of the run's files; made if missing. A resume point in it is taken up.
    pub folder: &'a Path,
    /// How the weights come to be: written into every file, and compared with a resume point's.
    pub provenance: Provenance,
    /// Optimizer state to start from, as an earlier run with `keep_optimizer` left it.
    pub optimizer: Option<StateDict>,
    /// Loader threads; 0 loads in the training thread.
    pub loader_threads: usize,
    /// How to handle unreadable images.
    pub on_bad_image: OnBadImage,
    /// How often a resume point is written.
    pub resume_every: ResumeEvery,
    /// Checked after every step.
    pub stop: CancelToken,
    /// Called before every step.
    pub hooks: &'a mut [Box<dyn StepHook>],
    /// Called after every epoch.
    pub on_epoch: &'a mut dyn FnMut(&EpochRecord),
}
