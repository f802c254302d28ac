//! What the jobs of a column are made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::Task;
use ff_inmerge::InMerge;
use ff_models::Spec;
use ff_train::TrainConfig;

use crate::catalog::OpenDataset;
use crate::config::{BackboneConfig, DatasetEntry};
use crate::job::{Cost, DataIdentity, DataSource, Start, Training};

/// A backbone on a dataset, as a planned table has it.
pub struct ColumnHead {
    /// The pretrained network.
    pub backbone: BackboneConfig,
    /// What it is trained on.
    pub dataset: DatasetEntry,
    /// What is to be told of an image; `None` if the data is not there.
    pub task: Option<Task>,
    /// Why the column is left out, if it is.
    pub blocked: Option<String>,
}

/// What the jobs of a column have in common.
#[derive(Clone)]
pub struct ColumnBase {
    /// What the labels of its jobs begin with.
    pub prefix: String,
    /// The form of its models.
    pub spec: Spec,
    /// The data's identity.
    pub identity: DataIdentity,
    /// Where the data is.
    pub data: DataSource,
    /// Images to train on, to select on and to test on.
    pub sizes: [u64; 3],
    /// Whether the test images are in groups.
    pub groups: bool,
    /// Why its jobs cannot run, if they cannot.
    pub blocked: Option<String>,
    /// What a reader of its results must know.
    pub remarks: Vec<String>,
}

impl ColumnBase {
    /// What a run of so many epochs costs that leaves so many snapshots.
    pub fn cost(&self, epochs: u32, snapshots: u64) -> Cost {
        let evaluations = u64::from(epochs) + snapshots;
        let epochs = u64::from(epochs);
        let [train, val, _] = self.sizes;
        Cost { epochs, train_images: epochs * train, evaluated_images: evaluations * val, evaluations }
    }

    /// The recipe of a run of training on its data.
    pub fn training(&self, start: Start, train: TrainConfig, inmerge: Option<InMerge>) -> Training {
        Training { model: self.spec, start, data: self.identity.clone(), train, inmerge }
    }
}

/// Where a backbone's weights start.
#[derive(Clone)]
pub struct StartWeights {
    /// Where they start.
    pub start: Start,
    /// The file, if it is one.
    pub file: Option<PathBuf>,
    /// The file of optimizer state to go on with, if there is one.
    pub optimizer: Option<PathBuf>,
    /// How the file's weights came to be, if it says so.
    pub made: Option<Provenance>,
    /// What the file's weights were trained on.
    pub(super) seen: Vec<DataIdentity>,
    /// Why the file is not there, if it is not.
    pub(super) blocked: Option<String>,
}

impl StartWeights {
    pub(super) fn of(start: Start) -> Self {
        Self { start, file: None, optimizer: None, made: None, seen: Vec::new(), blocked: None }
    }

    /// The same, going on with an optimizer's state.
    pub fn with_optimizer(mut self, path: &Path) -> Self {
        match (StateDict::open(path), &mut self.start) {
            (Ok(state), Start::File { optimizer, .. }) => {
                *optimizer = Some(state.digest().to_string());
                self.optimizer = Some(path.to_owned());
            }
            (Ok(_), _) => {
                let why = "optimizer state: expected a file of weights that it belongs to, found none";
                self.blocked.get_or_insert(why.to_owned());
            }
            (Err(error), _) => drop(self.blocked.get_or_insert(error.to_string())),
        }
        self
    }

    /// The same, with another seed for whatever is new.
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { start: self.start.with_seed(seed), ..self.clone() }
    }
}

/// A backbone on a dataset, before any job.
pub struct OpenedColumn {
    /// What its jobs have in common.
    pub shared: ColumnBase,
    /// The data, or why it is not there.
    pub opened: Result<Arc<OpenDataset>, String>,
}

impl OpenedColumn {
    /// The column of a backbone on a dataset, once its jobs are laid out.
    pub fn head(self, backbone: BackboneConfig, dataset: DatasetEntry) -> ColumnHead {
        let task = self.opened.ok().map(|opened| opened.dataset.task().clone());
        ColumnHead { backbone, dataset, task, blocked: self.shared.blocked }
    }
}
