//! What the binaries have in common: logs, errors, exit codes, devices, the hub, progress.

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

use std::io::{IsTerminal, Write};
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
pub use options::{ConfigOptions, RunsOption};
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
