//! This library is the code that the workspace's binaries share.
//!
//! It parses options, prints, downloads, and turns errors into exit codes. The binaries are
//! `ff-data`, `ff-models`, `ff-train`, `ff-inmerge`, `ff-eval`, `ff-soup` and `ff-grid`; each
//! explains itself with `--help`. Without the feature `torch`, what needs libtorch is left out.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "doc comments of options are help texts"
)]

#[cfg(feature = "torch")]
mod arch;
mod average;
mod bar;
pub mod data;
#[cfg(feature = "torch")]
mod device;
#[cfg(feature = "torch")]
mod driver;
pub mod eval;
pub mod fetch;
mod forecast;
#[cfg(feature = "torch")]
pub mod grid;
pub mod hub;
#[cfg(feature = "torch")]
pub mod inmerge;
mod inspect;
#[cfg(feature = "torch")]
mod known;
#[cfg(feature = "torch")]
mod lineage;
#[cfg(feature = "torch")]
mod lock;
mod log;
mod memory;
mod merge;
#[cfg(feature = "torch")]
pub mod models;
mod options;
mod output;
mod output_file;
#[cfg(feature = "torch")]
mod pace;
#[cfg(feature = "png")]
mod png;
#[cfg(feature = "torch")]
mod predict;
mod prediction_file;
mod program;
#[cfg(feature = "torch")]
mod progress;
#[cfg(feature = "torch")]
mod recipe;
#[cfg(feature = "torch")]
mod report;
#[cfg(feature = "torch")]
mod score;
#[cfg(feature = "torch")]
mod select;
#[cfg(feature = "torch")]
mod signals;
mod source;
#[cfg(feature = "torch")]
mod tensorboard;
#[cfg(feature = "torch")]
mod train;
#[cfg(feature = "torch")]
mod watch;

pub use average::{average, bench as bench_average, check as check_soup};
pub use forecast::forecast;
pub use merge::{MergeOptions, merge};
pub use options::{Common, ConfigOptions, RunsOption, parse};
pub use output::say;
#[cfg(feature = "png")]
pub use png::png_beside;
pub use program::main;
pub use source::{BadImage, Source};
#[cfg(feature = "torch")]
pub use {
    lineage::trace_and_check,
    predict::{PredictOptions, predict},
    report::{ReportOptions, write_report},
    select::{SelectOptions, select},
    train::{TrainOptions, train},
};
