//! This crate plans a table as a graph of jobs, runs them, and reads the table off their records.
//!
//! An [`Experiment`] is a table of soups ([`SoupsConfig`]), a table of in-model merging
//! ([`InmergeConfig`]) or one run of training ([`SingleRun`]). It becomes a [`Plan`]: every probe,
//! fine-tuning run, cyclic run, soup, prediction and score once, however many rows and tables need
//! it. An [`Engine`] runs the jobs that are not on record yet; [`write_results`] reads the records
//! and writes the table and the soup.
//!
//! A job's identity ([`Job::id`]) is the digest of its specification, its inputs and its data. A
//! job is done when its [`Record`] says so, and a job on record is never run again.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use ff_grid::{Catalog, Local, Plan, RunStore, read_experiment, write_results};
//!
//! let runs = RunStore::new("runs");
//! let experiment = read_experiment(Path::new("table.toml"), &[])?;
//! let sources = experiment.sources().len();
//! let catalog = Catalog::of(experiment.run(), sources, Path::new("data"), runs.root());
//! let plan = Plan::new(experiment, &catalog, &|id| Err(format!("{id}: not downloaded")));
//! let summary = Local::default().run_plan(&plan, &catalog, &runs, &|_| {})?;
//! println!("{} jobs run, {} failed", summary.done, summary.failed.len());
//! println!("{}", write_results(&plan, &runs)?.markdown);
//! # Ok::<(), ff_grid::Error>(())
//! ```
//!
//! Modules form floors, and each imports from those below it alone: [`error`] < [`job`] <
//! [`config`], [`store`] < [`catalog`] < [`run`] < [`plan`] < [`engine`], [`results`] <
//! [`experiment`]. The root has what plans, runs and reads a table, and what an engine or an
//! experiment of your own needs; the sections of configurations and the contents of records are in
//! their modules.

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
    BackboneConfig, ClusterConfig, Common, DatasetEntry, EvaluationConfig, ModelConfig, OodEntry,
    PretrainConfig, RunConfig, WeightsSource, loader_threads,
};
pub use engine::{
    BatchTask, ENGINES, Engine, EngineKind, EngineSetup, Event, Failure, JobState, Local, OnEvent,
    QueueStatus, Summary, cancel, job_states,
};
pub use error::Error;
pub use experiment::{
    ForecastConfig, InmergeColumn, InmergeConfig, InmergeTable, MethodConfig, PoolConfig, RunKind, RunRecipe,
    SingleRun, SoupConfig, SoupsColumn, SoupsConfig, SoupsTable, parse_experiment, read_experiment,
};
pub use job::{
    Averages, BnStatistics, Cost, CrossFit, DataIdentity, DataSource, Diverged, EvalSplit, Job, JobId,
    JobOutput, JobSpec, Jobs, MOST_FOLDS, Pool, Record, Selection, SoupSpec, Start, Training, VerdictRecord,
    device_name, file_fields, group_fields,
};
pub use plan::{
    Chain, ColumnBase, ColumnHead, DiskSpace, Experiment, Forecast, Graph, HubResolver, OpenedColumn, Plan,
    Progress, Rates, Records, Recovered, Speed, StartWeights, Table, TableReport, Texts, disk_space,
    forecast, longest_chain, networks, time_left,
};
pub use results::{Results, Source, begin_table, render, report, write_results};
pub use run::{
    Choice, Chosen, InmergeHook, JobContext, ModelPredictor, Predictor, ValidationScorer, loses_gpu,
    panic_text,
};
pub use store::{
    Ancestor, Claim, Claimed, Claims, FileStatus, Finding, OTHER_SPLIT_HINT, Owner, Remedy, RunStore,
    SameJob, Settings, TableFolder, bytes_below, examine, job_bytes, lineage, other_split, owner_of,
    read_record, remove_folder, repair, table_folder, tables, trained_on,
};

/// Types of [`ff_checkpoint`] in this crate's signatures.
pub use ff_checkpoint::{Digest, FileRef, Provenance, StateDict};
/// Types of [`ff_data`] in this crate's signatures.
pub use ff_data::{Augment, Dataset, DatasetConfig, OnBadImage, SplitRule, Splits, Task};
/// Types of [`ff_eval`] in this crate's signatures.
pub use ff_eval::{Metric, OutputMap, Predictions, Score};
/// Types of [`ff_inmerge`] in this crate's signatures.
pub use ff_inmerge::{InMerge, MergeStats, Pairs};
/// Types of [`ff_models`] in this crate's signatures.
pub use ff_models::{Architecture, Model, Precision, Spec};
/// Types of [`ff_report`] in this crate's signatures.
pub use ff_report::ColumnVerdict;
pub use ff_report::report::{ColumnReport, ExperimentTable, Report};
/// Types of [`ff_soup`] in this crate's signatures.
pub use ff_soup::{Accept, Average, Hierarchy, Ingredient, Ingredients, Policy, Soup};
/// Types of [`ff_train`] in this crate's signatures.
pub use ff_train::{
    CancelToken, Ema, EpochRecord, EvalSet, LrSchedule, Outcome, Recalibration, ResumeEvery, Sampling,
    SelectBy, TaskWeights, TrainConfig,
};
/// The version of tch whose types are in this crate's signatures.
pub use tch;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
