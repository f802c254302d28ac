//! What the binaries have in common: logs, errors, exit codes, devices, the hub, progress.

mod average;
pub mod data;
mod device;
pub mod fetch;
pub mod grid;
mod hub;
pub mod inmerge;
mod inspect;
mod known;
mod lineage;
mod memory;
pub mod models;
mod options;
#[cfg(feature = "png")]
mod png;
mod predict;
mod progress;
mod recipe;
mod report;
mod select;
mod signals;
mod source;
mod tensorboard;
mod train;
mod watch;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use ff_models::Precision;
use tch::Device;

pub use average::{average, bench as bench_average, check as check_soup};
pub use device::DeviceChoice;
pub use hub::{find_cached, find_or_download};
pub use inspect::Inspection;
pub use lineage::trace_and_check;
pub use options::{ConfigOptions, RunsOption};
#[cfg(feature = "png")]
pub use png::png_beside;
pub use predict::{PredictOptions, predict};
pub use progress::{Bar, GridProgress, outcome, speed};
pub use recipe::{check_split, output_map, spec_of};
pub use report::{ReportOptions, write_report};
pub use select::{SelectOptions, select};
pub use signals::stop_on_signals;
pub use source::{BadImage, Source};
pub use tensorboard::{EventFile, TensorBoard};
pub use train::{TrainOptions, train};
pub use watch::{spoken, watch};

/// Options of every binary.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Say more on stderr; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

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

/// Prints a line to stderr. A reader that has gone away is no error: long work goes on without it.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Says that a precision is slow on a device, if it is.
pub fn warn_of_precision(precision: Precision, device: Device) {
    if precision.is_slow_on(device) {
        say(&format!(
            "warning: this processor has no instructions for {precision}, which makes it about ten times slower than fp32 here"
        ));
    }
}

/// Names of classes and files come from others: what would move the cursor or colour the terminal is shown as �.
fn harmless(text: &str) -> String {
    let harmful = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(harmful, "\u{fffd}")
}

/// An error and its causes, each said once: many of ours name their cause themselves.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if !text.contains(cause.trim_end()) {
            text += if text.is_empty() { "" } else { ": " };
            text += cause.trim_end();
        }
    }
    text
}

/// Prints to stdout. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(harmless(text).as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_characters_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\tb\n\u{1b}[31mc\r"), "a\tb\n\u{fffd}[31mc\u{fffd}");
    }

    #[test]
    fn a_cause_is_said_once() {
        let io = std::io::Error::other("no such file");
        assert_eq!(
            describe(&anyhow::Error::new(io).context("a.toml: no such file\n")),
            "a.toml: no such file"
        );
        let io = std::io::Error::other("no such file");
        assert_eq!(describe(&anyhow::Error::new(io).context("a.toml")), "a.toml: no such file");
    }
}
