//! The entry point of every binary: logging, errors and exit codes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::log;
use crate::memory;
use crate::options::Common;
use crate::output::{describe, say};

/// Runs a binary's work and returns its exit code.
///
/// Logs go to stderr. An error is printed as `error: …` and gives exit code 1; wrong usage has
/// ended the process with exit code 2 before. The allocator keeps freed memory from here on.
pub fn main(common: &Common, work: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    memory::keep_freed_memory();
    log::start(common);
    say_caught_panics_once();
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            say(&format!("error: {}", describe(&error)));
            ExitCode::FAILURE
        }
        #[cfg(feature = "torch")]
        Err(panic) if is_libtorchs(&*panic) => {
            say(&format!("error: {}", ff_grid::panic_text(&*panic)));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Leaves panics that become errors out of what the panic hook prints, unless a backtrace is asked
/// for: whoever catches them prints their text. These are decoders' on malformed images, and
/// libtorch's failures.
fn say_caught_panics_once() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::env::var_os("RUST_BACKTRACE").is_some() || !is_caught(info.payload()) {
            default(info);
        }
    }));
}

/// Returns whether a panic is caught and its text printed. That of a lost GPU is printed at once,
/// since libtorch may end the process when tensors are freed there.
fn is_caught(panic: &(dyn std::any::Any + Send)) -> bool {
    #[cfg(feature = "torch")]
    {
        if is_libtorchs(panic) {
            let text = ff_grid::panic_text(panic);
            if ff_grid::loses_gpu(&text) {
                say(&text);
            }
            return true;
        }
    }
    #[cfg(not(feature = "torch"))]
    let _ = panic;
    ff_data::is_decoding()
}

/// Returns whether a panic has a text of libtorch's, by way of tch.
#[cfg(feature = "torch")]
fn is_libtorchs(panic: &(dyn std::any::Any + Send)) -> bool {
    panic.downcast_ref::<String>().is_some_and(|text| text.contains("Err` value: Torch("))
}
