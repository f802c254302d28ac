//! Signals that interrupt a program: Ctrl-C (SIGINT), SIGTERM and SIGHUP.
//!
//! A signal sets one flag for the whole process. Each job has a child of this token
//! ([`CancelToken`]), which a lost claim sets for that job alone.

use anyhow::Context;
use ff_train::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Returns a token that SIGINT, SIGTERM and SIGHUP (a closed terminal) cancel.
///
/// A second signal ends the process at once, which loses no more work than a kill. A signal that is
/// already ignored, as SIGHUP is under `nohup`, stays ignored.
///
/// # Errors
/// The system refuses a signal handler.
pub fn stop_on_signals() -> anyhow::Result<CancelToken> {
    let stop = CancelToken::default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(&status, signal)) {
        // Handlers run in the order of registration: the first signal finds the flag not set yet.
        flag::register_conditional_default(signal, stop.flag())
            .and_then(|_| flag::register(signal, stop.flag()))
            .context("cannot install a signal handler")?;
    }
    Ok(stop)
}

/// Returns whether a process ignores a signal, by its `/proc/PID/status`.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000004002\n";
        assert!(is_ignored(status, SIGHUP) && !is_ignored(status, SIGTERM));
        assert!(!is_ignored("", SIGHUP));
    }
}
