//! What the binaries have in common: logs, errors, exit codes, devices, the hub, progress.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "doc comments of options are help texts"
)]

mod average;
mod bar;
pub mod data;
#[cfg(feature = "torch")]
mod device;
pub mod eval;
pub mod fetch;
#[cfg(feature = "torch")]
pub mod grid;
#[cfg(feature = "torch")]
mod hub;
#[cfg(feature = "torch")]
pub mod inmerge;
mod inspect;
#[cfg(feature = "torch")]
mod known;
#[cfg(feature = "torch")]
mod lineage;
mod memory;
#[cfg(feature = "torch")]
pub mod models;
mod options;
mod output;
#[cfg(feature = "png")]
mod png;
#[cfg(feature = "torch")]
mod predict;
#[cfg(feature = "torch")]
mod progress;
#[cfg(feature = "torch")]
mod recipe;
#[cfg(feature = "torch")]
mod report;
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

use std::io::IsTerminal;
use std::process::ExitCode;

pub use average::{average, bench as bench_average, check as check_soup};
pub use options::{Common, ConfigOptions, RunsOption, parse};
use output::describe;
pub use output::say;
#[cfg(feature = "png")]
pub use png::png_beside;
pub use source::{BadImage, Source};
#[cfg(feature = "torch")]
pub use {
    lineage::trace_and_check,
    predict::{PredictOptions, predict},
    report::{ReportOptions, write_report},
    select::{SelectOptions, select},
    train::{TrainOptions, train},
};

/// Runs a binary's work: logs to stderr, an error as `error: …` with exit code 1. (Wrong usage has ended the
/// program with exit code 2 before.) From here on the allocator keeps what is freed.
pub fn main(common: &Common, work: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    memory::keep_freed_memory();
    let level = match common.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
    // libtorch's failures come as panics, whose text the panic hook has printed.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            say(&format!("error: {}", describe(&error)));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}
