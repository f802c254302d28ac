//! The speed of jobs: measured on finished jobs, stated, or measured on a device.

use std::collections::{BTreeMap, HashMap};

use ff_models::{Architecture, Spec};
use ff_train::{TrainConfig, Trainable};
use itertools::Itertools;
use serde::Serialize;

use crate::job::{Cost, Job, JobSpec, Jobs, SoupSpec, Training};

/// Measured speed of jobs: seconds per evaluated image, by kind of job and model. A training image
/// counts as three evaluated images.
#[derive(Debug, Default)]
pub struct Speed {
    measured: HashMap<Key, f64>,
    /// Training images per second that the user gave, by architecture or for all.
    given: HashMap<Option<Architecture>, f64>,
    /// Rates of networks on a device, by architecture and image size.
    priced: HashMap<(Architecture, u32), Rates>,
}

/// How fast a device is with a network, in images per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Training of all weights.
    pub train: f64,
    /// Evaluation. Training of the last layer alone is about as fast.
    pub evaluate: f64,
}

/// A kind of job and a model (architecture and image size). Where no job of a kind is done yet,
/// another kind with the same model is used, or any job.
type Key = (Option<&'static str>, Option<(Architecture, u32)>);

impl Speed {
    /// Measures the speed of finished jobs
    /// ([`RunStore::finished`](crate::store::RunStore::finished)).
    pub fn measured(jobs: &Jobs, done: &BTreeMap<&str, f64>) -> Self {
        Self::of(jobs.iter().filter_map(|job| Some((job, weight(job), *done.get(job.id.as_str())?))))
    }

    /// Measures the speed of work on jobs, as evaluated images and seconds. The median counts.
    pub(super) fn of<'a>(work: impl Iterator<Item = (&'a Job, f64, f64)>) -> Self {
        let mut found: HashMap<Key, Vec<f64>> = HashMap::new();
        for (job, weight, seconds) in work {
            for key in keys(job).into_iter().unique() {
                found.entry(key).or_default().push(seconds / weight);
            }
        }
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let measured = found.into_iter().map(|(key, values)| (key, median(values))).collect();
        Self { measured, ..Self::default() }
    }

    /// Returns true if nothing is known.
    pub fn is_empty(&self) -> bool {
        self.measured.is_empty() && self.given.is_empty() && self.priced.is_empty()
    }

    /// Replaces the measured speed by a number of training images per second, for an architecture
    /// or for all others.
    pub fn with(mut self, architecture: Option<Architecture>, images_per_second: f64) -> Self {
        self.given.insert(architecture, images_per_second);
        self
    }

    /// Replaces the measured speed by the rates of a network, whose image size counts.
    pub fn with_rates(mut self, network: &Spec, rates: Rates) -> Self {
        self.priced.insert((network.architecture, network.image_size), rates);
        self
    }

    /// Estimates the seconds that a job takes; `None` if no similar job was measured.
    pub fn seconds(&self, job: &Job) -> Option<f64> {
        if matches!(job.spec, JobSpec::Evaluate { .. } | JobSpec::Plane(_) | JobSpec::Surface(_))
            || job.cost.weight() == 0
        {
            return Some(self.measured.get(&keys(job)[0]).copied().unwrap_or(0.0));
        }
        let architecture = spec(job).map(|spec| spec.architecture);
        if let Some(images) = self.given.get(&architecture).or_else(|| self.given.get(&None)) {
            return Some(weight(job) / 3.0 / images);
        }
        self.price(job).or_else(|| {
            keys(job).iter().find_map(|key| self.measured.get(key)).map(|seconds| seconds * weight(job))
        })
    }

    /// Returns the seconds that a job takes by the rates of its network.
    fn price(&self, job: &Job) -> Option<f64> {
        let evaluation = spec(job)?;
        let rates = |of: Spec| self.priced.get(&(of.architecture, of.image_size));
        let Cost { train_images, evaluated_images, .. } = job.cost;
        let evaluate = rates(evaluation)?.evaluate;
        let train = match job.spec.training() {
            Some(Training { train, .. }) if train.trainable == Trainable::All {} => {
                rates(of_training(evaluation, train))?.train
            }
            _ => evaluate,
        };
        Some(train_images as f64 / train + evaluated_images as f64 / evaluate)
    }
}

/// Returns the keys to look up, from the most to the least specific.
fn keys(job: &Job) -> [Key; 3] {
    let form = spec(job).map(|spec| (spec.architecture, spec.image_size));
    [(Some(job.spec.kind()), form), (None, form), (None, None)]
}

/// A job without images counts as one image, so that its own time is measured.
pub(super) fn weight(job: &Job) -> f64 {
    job.cost.weight().max(1) as f64
}

/// Returns the networks that jobs train or evaluate: one of each architecture and image size, which
/// are the networks that [`Speed::with_rates`] needs.
pub fn networks<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> Vec<Spec> {
    let of_job = |job: &'a Job| {
        let evaluation = spec(job);
        let training = job.spec.training().map(|of| of_training(of.model, &of.train));
        evaluation.into_iter().chain(training)
    };
    jobs.into_iter().flat_map(of_job).unique_by(|of| (of.architecture, of.image_size)).collect()
}

/// Returns a network with the size of its training images.
fn of_training(network: Spec, train: &TrainConfig) -> Spec {
    Spec { image_size: train.image_size.unwrap_or(network.image_size), ..network }
}

fn spec(job: &Job) -> Option<Spec> {
    match &job.spec {
        JobSpec::Soup(SoupSpec { model, .. }) | JobSpec::Predict { model, .. } => Some(*model),
        JobSpec::PlaneRow(spec) => Some(spec.evaluation.model),
        JobSpec::Forecast(spec) => Some(spec.evaluation.model),
        JobSpec::Path(spec) | JobSpec::GreedyBarriers(spec) => Some(spec.evaluation.model),
        JobSpec::Import(spec) => Some(spec.model),
        spec => spec.training().map(|training| training.model),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::DataSource;

    fn training(image_size: Option<u32>, trainable: Trainable) -> Job {
        let spec = serde_json::json!({
            "kind": "finetune",
            "model": {"architecture": "resnet_pico", "outputs": 2, "image_size": 32, "precision": "fp32"},
            "start": {"kind": "random", "seed": 0},
            "data": {"digest": "", "split": ""},
            "train": TrainConfig { image_size, trainable, ..TrainConfig::default() },
        });
        let source = serde_json::from_str(r#"{"kind":"cifar10","path":"x"}"#).unwrap();
        Job {
            id: "a".into(),
            label: String::new(),
            spec: serde_json::from_value(spec).unwrap(),
            inputs: Vec::new(),
            data: DataSource { source, split: None, shrink_px: None },
            weights: None,
            optimizer: None,
            place: None,
            fields: BTreeMap::new(),
            cost: Cost { train_images: 600, evaluated_images: 90, ..Cost::default() },
            remarks: Vec::new(),
            kernels: false,
            blocked: None,
        }
    }

    #[test]
    fn a_price_has_a_rate_for_each_size_and_kind_of_training() {
        let all = training(Some(48), Trainable::All {});
        let sizes = |jobs: &[Job]| networks(jobs).iter().map(|of| of.image_size).collect::<Vec<_>>();
        assert_eq!(sizes(&[all.clone(), all.clone()]), [32, 48]);
        let of = networks(std::slice::from_ref(&all));
        let small = Speed::default().with_rates(&of[0], Rates { train: 10.0, evaluate: 30.0 });
        assert_eq!(small.seconds(&all), None, "nothing is known of training at 48 px");
        let both = small.with_rates(&of[1], Rates { train: 6.0, evaluate: 20.0 });
        assert_eq!(both.seconds(&all), Some(600.0 / 6.0 + 90.0 / 30.0));
        let probe = training(None, Trainable::Classifier { update_bn_stats: false });
        assert_eq!(both.seconds(&probe), Some(690.0 / 30.0), "the frozen layers are only evaluated");
        assert_eq!(
            both.with(None, 60.0).seconds(&probe),
            Some((600.0 + 30.0) / 60.0),
            "what is stated counts"
        );
    }
}
