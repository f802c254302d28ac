//! The parts of a configuration file that experiments of every kind share, and how a file is read.

mod check;
mod cluster;
mod decision;
mod entries;
mod explain;
mod inmerge_settings;
mod numbers;
mod overrides;
mod resolve;
mod run;
mod weights;

pub use check::check_name;
pub use cluster::{ClusterConfig, Resources};
pub use decision::DecisionConfig;
pub use entries::{
    BackboneConfig, Common, DatasetEntry, EvaluationConfig, Expected, ModelConfig, OodEntry, PretrainConfig,
};
pub use inmerge_settings::InmergeSettings;
pub use run::{RunConfig, loader_threads};
pub use weights::WeightsSource;

pub(crate) use check::{check_inmerge, check_model, check_names, check_pretrain};
pub(crate) use entries::sources;
pub(crate) use explain::with_nearest;
pub(crate) use numbers::{check_epochs, check_numbers};
pub(crate) use overrides::{override_values, read_toml};
pub(crate) use resolve::{NO_WEIGHTS, fill, resolve_backbones, resolve_datasets, resolve_shallow_layers};
