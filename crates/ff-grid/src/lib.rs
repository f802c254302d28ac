//! A table as a graph of jobs: planned, run, resumed, shared.
//!
//! A [`Study`], be it of soups ([`Config`]) or of in-model merging ([`MergingConfig`]), becomes a [`Plan`]: every probe, fine-tune, cyclic run, soup, prediction and score once, however
//! many rows and tables need it. An [`Engine`] does what is not on record yet; [`publish`] reads the records and
//! writes the table and the soup. A job is known by the digest of its recipe, its inputs and its data
//! ([`Job::id`]), and done when its [`Record`] says so.

mod catalog;
mod claim;
mod config;
mod doctor;
mod engine;
mod error;
mod forecast;
mod job;
mod jobs;
mod landscape;
mod lineage;
mod merging;
mod overrides;
mod perform;
mod plan;
mod pool;
mod publish;
mod record;
mod scorer;
mod soup;
mod trained_on;
mod weights;

pub use catalog::{Catalog, DataIdentity, Opened, Part, loader_threads};
pub use claim::{Claim, Claimed, Claims, Owner, owner_of};
pub use config::{
    BackboneConfig, BnStatistics, ClusterConfig, Config, ConnectivityConfig, Curves, DatasetEntry, Diverged,
    EvaluationConfig, Expected, FggConfig, FinetuneConfig, GridConfig, LandscapeConfig, MergeDeparture,
    MergeMethod, MergeSettings, MergingConfig, MethodConfig, ModelConfig, OodEntry, PlaneConfig, Pool,
    PretrainConfig, ProbeConfig, Resources, RunConfig, Selection, StageConfig, Study, StudyKind, Sweep,
    TriesConfig, check_name,
};
pub use doctor::{Finding, Remedy, examine, repair};
pub use engine::{Engine, Event, Failure, Local, OnEvent, Sight, Slurm, Summary, Task, Whereabouts};
pub use error::Error;
pub use forecast::{Chain, Forecast, Speed, forecast, longest_chain};
pub use job::{Cost, DataSource, Job, Recipe, SoupRecipe, Start, Training, group_fields};
pub use jobs::Jobs;
pub use landscape::{
    Anchors, Axis, Corner, Judging, PathRecipe, PathRecord, PlaneRecipe, PlaneRecord, RowRecipe, SoupPlace,
    SurfaceRecipe, SurfaceRecord, TriesRecipe, TryRecord,
};
pub use lineage::{Ancestor, Found, SameJob, lineage};
pub use merging::MergeHook;
pub use overrides::parse as parse_with_overrides;
pub use perform::{Workshop, device_name};
pub use plan::{
    Column, HubResolver, LandscapeJobs, MethodJobs, OodScore, PathJob, Plan, PlannedTable, SeedJobs,
};
pub use publish::{Published, Source, publish, render, report};
pub use record::{Finished, LayerKernels, Record, Runs, SoupRecord};
pub use scorer::ValidationScorer;
pub use trained_on::{OTHER_SPLIT_HINT, note_trained_on, other_split, trained_on};
pub use weights::WeightsSource;
