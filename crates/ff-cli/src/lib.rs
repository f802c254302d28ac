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
pub use bar::Bar;
#[cfg(feature = "torch")]
pub use device::{DeviceChoice, warn_of_precision};
#[cfg(feature = "torch")]
pub use hub::{find_cached, find_or_download};
pub use inspect::Inspection;
#[cfg(feature = "torch")]
pub use lineage::trace_and_check;
pub use options::{Common, ConfigOptions, RunsOption};
use output::describe;
pub use output::{print, print_json, say};
#[cfg(feature = "png")]
pub use png::png_beside;
#[cfg(feature = "torch")]
pub use predict::{PredictOptions, predict};
#[cfg(feature = "torch")]
pub use progress::{GridProgress, outcome, speed};
#[cfg(feature = "torch")]
pub use recipe::{check_split, output_map, spec_of};
#[cfg(feature = "torch")]
pub use report::{ReportOptions, write_report};
#[cfg(feature = "torch")]
pub use select::{SelectOptions, select};
#[cfg(feature = "torch")]
pub use signals::stop_on_signals;
pub use source::{BadImage, Source};
#[cfg(feature = "torch")]
pub use tensorboard::{EventFile, TensorBoard};
#[cfg(feature = "torch")]
pub use train::{TrainOptions, train};
#[cfg(feature = "torch")]
pub use watch::{spoken, watch};

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
