//! The settings and initial weights that the jobs of a column share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::Task;
use ff_inmerge::InMerge;
use ff_models::Spec;
use ff_train::{BN_IMAGES, TrainConfig};

use crate::catalog::OpenDataset;
use crate::config::{BackboneConfig, DatasetEntry};
use crate::job::{Cost, DataIdentity, DataSource, Start, Training};

/// A backbone on a dataset: a column of a planned table.
pub struct ColumnHead {
    /// The pretrained network.
    pub backbone: BackboneConfig,
    /// The dataset to train on.
    pub dataset: DatasetEntry,
    /// The classes or tasks of the dataset; `None` if the data is missing.
    pub task: Option<Task>,
    /// Why the column is left out; `None` if it is not.
    pub blocked: Option<String>,
}

/// The settings that the jobs of a column share.
#[derive(Clone)]
pub struct ColumnBase {
    /// Beginning of the labels of its jobs.
    pub prefix: String,
    /// Architecture and input of its models.
    pub spec: Spec,
    /// The data's identity.
    pub identity: DataIdentity,
    /// Where the data is.
    pub data: DataSource,
    /// Numbers of training, validation and test images.
    pub sizes: [u64; 3],
    /// True if the test images are in groups, such as patients.
    pub groups: bool,
    /// Why its jobs cannot run; `None` if they can.
    pub blocked: Option<String>,
    /// Notes for a reader of its results.
    pub remarks: Vec<String>,
}

impl ColumnBase {
    /// Estimates the cost of a run with a number of epochs and of snapshots inside epochs, which
    /// are evaluated in addition.
    pub fn cost(&self, epochs: u32, snapshots: u64) -> Cost {
        let evaluations = u64::from(epochs) + snapshots;
        let epochs = u64::from(epochs);
        let [train, val, _] = self.sizes;
        Cost { epochs, train_images: epochs * train, evaluated_images: evaluations * val, evaluations }
    }

    /// Estimates what the moving average of a run's weights adds to its cost: images to recompute
    /// BatchNorm statistics from, and an evaluation.
    pub fn ema_cost(&self) -> Cost {
        let [train, val, _] = self.sizes;
        let recomputed = if self.spec.architecture.batch_norm { BN_IMAGES.min(train as usize) } else { 0 };
        Cost { evaluated_images: val + recomputed as u64, evaluations: 1, ..Cost::default() }
    }

    /// Makes the specification of a training run on its data.
    pub fn training(&self, start: Start, train: TrainConfig, inmerge: Option<InMerge>) -> Training {
        Training { model: self.spec, start, data: self.identity.clone(), train, inmerge }
    }
}

/// The initial weights of a backbone.
#[derive(Clone)]
pub struct StartWeights {
    /// The initial weights, as part of a specification.
    pub start: Start,
    /// The file of weights, if there is one.
    pub file: Option<PathBuf>,
    /// The file of optimizer state to continue with, if there is one.
    pub optimizer: Option<PathBuf>,
    /// The provenance of the file's weights, if it has one.
    pub made: Option<Provenance>,
    /// The data that the file's weights were trained on.
    pub(super) seen: Vec<DataIdentity>,
    /// Why the weights are missing; `None` if they are not.
    pub(super) blocked: Option<String>,
}

impl StartWeights {
    pub(super) fn of(start: Start) -> Self {
        Self { start, file: None, optimizer: None, made: None, seen: Vec::new(), blocked: None }
    }

    /// No initial weights: nothing is trained.
    pub fn none() -> Self {
        Self::of(Start::Random { seed: 0 })
    }

    /// Sets the file of optimizer state to continue with.
    pub fn with_optimizer(mut self, path: &Path) -> Self {
        match (StateDict::open(path), &mut self.start) {
            (Ok(state), Start::File { optimizer, .. }) => {
                *optimizer = Some(state.digest().to_string());
                self.optimizer = Some(path.to_owned());
            }
            (Ok(_), _) => {
                let why = "optimizer state: expected its file of weights too, found none";
                self.blocked.get_or_insert(why.to_owned());
            }
            (Err(error), _) => drop(self.blocked.get_or_insert(error.to_string())),
        }
        self
    }

    /// Returns the same start with another seed for new weights.
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { start: self.start.with_seed(seed), ..self.clone() }
    }
}

/// A backbone on an opened dataset, before its jobs are planned.
pub struct OpenedColumn {
    /// The settings that its jobs share.
    pub shared: ColumnBase,
    /// The data, or why it is missing.
    pub opened: Result<Arc<OpenDataset>, String>,
}

impl OpenedColumn {
    /// Turns it into the column of a table, when its jobs are planned.
    pub fn head(self, backbone: BackboneConfig, dataset: DatasetEntry) -> ColumnHead {
        let task = self.opened.ok().map(|opened| opened.dataset.task().clone());
        ColumnHead { backbone, dataset, task, blocked: self.shared.blocked }
    }
}
