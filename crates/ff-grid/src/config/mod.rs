//! A table as its configuration file states it.

mod check;
mod cluster;
mod entries;
mod experiment;
mod inmerge;
mod inmerge_check;
mod kind;
mod landscape;
mod landscape_check;
mod overrides;
mod run;
mod soups;
mod soups_check;
mod weights;

pub use check::check_name;
pub use cluster::{ClusterConfig, Resources};
pub use entries::{
    BackboneConfig, DatasetEntry, EvaluationConfig, Expected, ModelConfig, OodEntry, PretrainConfig,
};
pub use experiment::Experiment;
pub use inmerge::{InmergeConfig, InmergeMethod, InmergeOverride, InmergeSettings, StageConfig, Sweep};
pub use kind::ExperimentKind;
pub use landscape::{ConnectivityConfig, Curves, GreedyBarriersConfig, LandscapeConfig, PlaneConfig};
pub use overrides::parse_with_overrides;
pub use run::{RunConfig, loader_threads};
pub use soups::{Config, FggConfig, FinetuneConfig, GridConfig, MethodConfig, ProbeConfig};
pub use weights::WeightsSource;

pub(crate) use soups::FIELDS;
