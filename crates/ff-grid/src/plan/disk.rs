//! The disk space that jobs need.

use std::collections::{HashMap, HashSet};

use ff_data::batches;
use ff_models::Spec;
use ff_train::{OptimizerConfig, TrainConfig};
use serde::Serialize;

use crate::catalog::{Catalog, OpenDataset};
use crate::job::{Job, JobSpec, Training};

/// An estimate of the bytes that jobs write.
///
/// Weights are 4 bytes for each trained number of the network; optimizer state, where it is kept,
/// is twice as much for AdamW and as much for SGD. Predictions are 4 bytes for each output of an
/// image and 8 for its target. Resized images are 3 bytes for each pixel of an image of 4:3 that
/// has `shrink_px` on its shorter side. Predictions and images of missing data are not counted,
/// nor are the statistics of `fisher` and `regmean`, records, logs, and tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskSpace {
    /// Sets of weights that stay.
    pub models: u64,
    /// Weights and optimizer states that stay.
    pub weights: u64,
    /// Predictions that stay.
    pub predictions: u64,
    /// Resized images of datasets with `shrink_px`, at most.
    pub images: u64,
    /// Resume points of the training job with the largest ones: needed once for each worker, while
    /// it trains.
    pub resume_points: u64,
}

impl DiskSpace {
    /// Returns the bytes that stay when all jobs are done.
    pub fn total(&self) -> u64 {
        self.weights + self.predictions + self.images
    }
}

/// Estimates the disk space that jobs need that are not done yet. Datasets of the jobs are opened.
pub fn disk_space<'a>(jobs: impl IntoIterator<Item = &'a Job>, catalog: &Catalog) -> DiskSpace {
    let (mut space, mut sizes) = (DiskSpace::default(), HashMap::new());
    let (mut columns, mut shrunk) = (HashSet::new(), HashSet::new());
    for job in jobs {
        let data = catalog.open(&job.data).ok();
        let data = data.as_deref();
        let samples = |of: fn(&OpenDataset) -> usize| data.map_or(0, |data| of(data) as u64);
        let (val, test) = (samples(|data| data.splits.val.len()), samples(|data| data.splits.test.len()));
        if let Some(side) = job.data.shrink_px
            && shrunk.insert(serde_json::to_string(&job.data).unwrap_or_default())
        {
            space.images += samples(|data| data.dataset.samples().len()) * image_bytes(side);
        }
        let mut add = |model: &Spec, models: u64, images: u64| {
            let key = (model.architecture, model.outputs);
            let weights =
                *sizes.entry(key).or_insert_with(|| 4 * model.cost().map_or(0, |cost| cost.weights));
            space.models += models;
            space.weights += models * weights;
            space.predictions += images * (4 * model.outputs as u64 + 8);
            weights
        };
        match &job.spec {
            JobSpec::Import(spec) => drop(add(&spec.model, 1, val)),
            JobSpec::Soup(spec) if spec.select.is_ensemble() => drop(add(&spec.model, 0, val)),
            JobSpec::Soup(spec) => {
                // The best soup of a column is in the table's folder, too.
                let delivered = columns.insert((job.label.split(": ").next(), spec.model.architecture));
                add(&spec.model, 1 + u64::from(delivered), val);
            }
            JobSpec::Predict { model, .. } => drop(add(model, 0, test)),
            spec => {
                let Some(Training { model, train, .. }) = spec.training() else { continue };
                let models = saved_models(train, job);
                let weights = add(model, models, models * val);
                let state = weights * states(&train.optimizer);
                space.weights += if train.keep_optimizer { state } else { 0 };
                // The model, its optimizer, the best epoch with its optimizer, and the average.
                let best = weights + if train.keep_optimizer { state } else { 0 };
                let average = if train.ema.is_some() { weights } else { 0 };
                let points = RESUME_POINTS * (weights + state + best + average);
                space.resume_points = space.resume_points.max(points);
            }
        }
    }
    space
}

/// Resume points that a run keeps.
const RESUME_POINTS: u64 = 2;

/// Returns the bytes of a resized image of 4:3.
fn image_bytes(side: u32) -> u64 {
    4 * u64::from(side) * u64::from(side)
}

/// Returns the number of values that an update rule keeps for each weight.
fn states(optimizer: &OptimizerConfig) -> u64 {
    match optimizer {
        OptimizerConfig::AdamW { .. } => 2,
        OptimizerConfig::Sgd { .. } => 1,
    }
}

/// Returns the number of models that a run saves: its best epoch or its snapshots, and the average.
fn saved_models(train: &TrainConfig, job: &Job) -> u64 {
    let images = (job.cost.train_images / job.cost.epochs.max(1)) as usize;
    let steps = batches(images, train.batch_size);
    let rates = train.schedule.over(train.epochs, steps.max(1));
    let snapshots = rates.map_or(0, |rates| rates.snapshots().len() as u64);
    let best = if matches!(train.schedule, ff_train::LrSchedule::Cyclic { .. }) { snapshots } else { 1 };
    best + u64::from(train.ema.is_some())
}
