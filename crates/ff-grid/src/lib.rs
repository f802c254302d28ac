//! A table as a graph of jobs: planned, run, resumed, shared.
//!
//! An [`Experiment`], be it of soups ([`SoupsConfig`]) or of in-model merging ([`InmergeConfig`]), becomes a [`Plan`]: every probe,
//! fine-tune, cyclic run, soup, prediction and score once, however many rows and tables need it. An [`Engine`] runs what is not on
//! record yet; [`write_results`] reads the records and writes the table and the soup. A job is known by the digest of its
//! specification, its inputs and its data ([`Job::id`]), and done when its [`Record`] says so.
//!
//! Modules form floors, and each imports from those below it alone: [`job`] < [`config`], [`store`] < [`catalog`] < [`run`] < [`plan`] <
//! [`engine`], [`results`] < [`experiment`].

pub mod catalog;
pub mod config;
pub mod engine;
pub mod error;
pub mod experiment;
pub mod job;
pub mod plan;
pub mod results;
pub mod run;
pub mod store;

pub use catalog::{Catalog, OpenDataset};
pub use config::{
    BackboneConfig, ClusterConfig, Common, DatasetEntry, EvaluationConfig, Expected, InmergeSettings,
    ModelConfig, OodEntry, PretrainConfig, Resources, RunConfig, WeightsSource, check_name, loader_threads,
    parse_with_overrides,
};
pub use engine::{
    BatchTask, ENGINES, Engine, EngineKind, EngineSetup, Event, Failure, JobState, Local, OnEvent,
    QueueStatus, Summary, cancel, queue_status,
};
pub use error::Error;
pub use experiment::{
    ConnectivityConfig, Curves, DatasetRecipe, FggConfig, FinetuneConfig, GreedyBarriersConfig, GridConfig,
    InmergeColumn, InmergeConfig, InmergeMethod, InmergeOverride, InmergeTable, LandscapeConfig,
    LandscapeJobs, MethodConfig, MethodJobs, ModelRecipe, OodScore, PathJob, PlaneConfig, ProbeConfig,
    RunKind, RunRecipe, SeedJobs, SingleRun, SingleTable, SoupsColumn, SoupsConfig, SoupsTable, StageConfig,
    Sweep, parse_experiment, read_experiment,
};
pub use job::{
    Anchors, Axis, BnStatistics, Corner, Cost, DataIdentity, DataSource, Diverged, EvalSplit, GreedyBarrier,
    GreedyBarriersSpec, Job, JobId, JobOutput, JobSpec, Jobs, Judging, LayerKernels, PathRecord, PathSpec,
    PlaneRecord, PlaneSpec, Pool, Record, RowSpec, Selection, SoupPlace, SoupRecord, SoupSpec, Start,
    SurfaceRecord, SurfaceSpec, Training, device_name, group_fields,
};
pub use plan::{
    Chain, ColumnBase, ColumnHead, Experiment, Forecast, Graph, HubResolver, OpenedColumn, Plan, Progress,
    Recovered, Speed, StartWeights, Table, TestImages, Texts, forecast, longest_chain, time_left,
};
pub use results::{Results, Source, render, report, write_results};
pub use run::{Choice, Chosen, InmergeHook, JobContext, ValidationScorer};
pub use store::{
    Ancestor, Claim, Claimed, Claims, FileStatus, Finding, OTHER_SPLIT_HINT, Owner, Remedy, RunStore,
    SameJob, examine, lineage, other_split, owner_of, read_record, repair, trained_on,
};
