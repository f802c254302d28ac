//! What every binary does around its work.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::memory;
use crate::options::Common;
use crate::output::{describe, say};

/// Runs a binary's work: logs to stderr, an error as `error: …` with exit code 1. (Wrong usage has
/// ended the program with exit code 2 before.) From here on the allocator keeps what is freed.
pub fn main(common: &Common, work: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    memory::keep_freed_memory();
    let level = match common.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
    // libtorch's failures come as panics, whose text the panic hook has printed.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            say(&format!("error: {}", describe(&error)));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}
