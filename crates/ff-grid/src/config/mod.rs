//! A table as its configuration file states it.

mod check;
mod cluster;
mod entries;
mod inmerge_settings;
mod overrides;
mod run;
mod weights;

pub use check::check_name;
pub use cluster::{ClusterConfig, Resources};
pub use entries::{
    BackboneConfig, DatasetEntry, EvaluationConfig, Expected, ModelConfig, OodEntry, PretrainConfig,
};
pub use inmerge_settings::InmergeSettings;
pub use overrides::parse_with_overrides;
pub use run::{RunConfig, loader_threads};
pub use weights::WeightsSource;

pub(crate) use check::{
    check_epochs, check_inmerge, check_model, check_names, check_numbers, check_pretrain,
};
