//! A table as a graph of jobs: planned, run, resumed, shared.
//!
//! An [`Experiment`], be it of soups ([`SoupsConfig`]) or of in-model merging ([`InmergeConfig`]),
//! becomes a [`Plan`]: every probe, fine-tune, cyclic run, soup, prediction and score once, however
//! many rows and tables need it. An [`Engine`] runs what is not on record yet; [`write_results`]
//! reads the records and writes the table and the soup. A job is known by the digest of its
//! specification, its inputs and its data ([`Job::id`]), and done when its [`Record`] says so.
//!
//! Modules form floors, and each imports from those below it alone: [`job`] < [`config`], [`store`]
//! < [`catalog`] < [`run`] < [`plan`] < [`engine`], [`results`] < [`experiment`].

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

// What other crates use, under its name alone; the rest is in its module.
pub use catalog::Catalog;
pub use config::{
    BackboneConfig, ClusterConfig, Common, DatasetEntry, EvaluationConfig, ModelConfig, RunConfig,
    WeightsSource, loader_threads,
};
pub use engine::{
    BatchTask, ENGINES, Engine, EngineKind, EngineSetup, Event, Failure, JobState, OnEvent, QueueStatus,
    Summary, cancel, queue_status,
};
pub use error::Error;
pub use experiment::{
    InmergeColumn, InmergeConfig, InmergeTable, RunKind, RunRecipe, SingleRun, SoupsColumn, SoupsConfig,
    SoupsTable, parse_experiment, read_experiment,
};
pub use job::{
    Cost, DataIdentity, DataSource, Diverged, Job, JobId, JobOutput, JobSpec, Jobs, Record, Selection,
    SoupSpec, Training, device_name,
};
pub use plan::{
    Experiment, Forecast, Graph, HubResolver, Plan, Progress, Records, Recovered, Speed, Table, TableReport,
    Texts, forecast, longest_chain, time_left,
};
pub use results::{Results, Source, render, report, write_results};
pub use run::{Choice, Chosen, InmergeHook, JobContext, ValidationScorer};
pub use store::{
    Ancestor, Claims, FileStatus, Finding, OTHER_SPLIT_HINT, Owner, Remedy, RunStore, SameJob, examine,
    lineage, other_split, owner_of, read_record, repair, trained_on,
};
