//! Ctrl-C and SIGTERM.

use anyhow::Context;
use ff_train::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A wish to stop that is set by Ctrl-C and SIGTERM. The second of them ends the process where it is, which loses no more
/// than a kill does.
pub fn stop_on_signals() -> anyhow::Result<Stop> {
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM] {
        // Handlers run in the order of registration: the first signal finds the flag not set yet.
        flag::register_conditional_default(signal, stop.flag())
            .and_then(|_| flag::register(signal, stop.flag()))
            .context("signals cannot be caught")?;
    }
    Ok(stop)
}
