//! A table as its configuration file states it.

mod check;
mod cluster;
mod entries;
mod inmerge_settings;
mod numbers;
mod overrides;
mod run;
mod weights;

pub use check::check_name;
pub use cluster::{ClusterConfig, Resources};
pub use entries::{
    BackboneConfig, Common, DatasetEntry, EvaluationConfig, Expected, ModelConfig, OodEntry, PretrainConfig,
};
pub use inmerge_settings::InmergeSettings;
pub use overrides::parse_with_overrides;
pub use run::{RunConfig, loader_threads};
pub use weights::WeightsSource;

pub(crate) use check::{check_inmerge, check_model, check_names, check_pretrain};
pub(crate) use entries::sources;
pub(crate) use numbers::{check_epochs, check_numbers};
