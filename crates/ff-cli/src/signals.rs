//! Ctrl-C, SIGTERM and SIGHUP.

use anyhow::Context;
use ff_train::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// A wish to stop that is set by Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed). The second
/// of them ends the process where it is, which loses no more than a kill does. A signal that is
/// ignored, as SIGHUP is below `nohup`, stays so.
pub fn stop_on_signals() -> anyhow::Result<CancelToken> {
    let stop = CancelToken::default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(&status, signal)) {
        // Handlers run in the order of registration: the first signal finds the flag not set yet.
        flag::register_conditional_default(signal, stop.flag())
            .and_then(|_| flag::register(signal, stop.flag()))
            .context("signals cannot be caught")?;
    }
    Ok(stop)
}

/// Whether a process of that status (`/proc/PID/status`) ignores a signal.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_told_from_the_mask() {
        let status = "Name:\tx\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000004002\n";
        assert!(is_ignored(status, SIGHUP) && !is_ignored(status, SIGTERM));
        assert!(!is_ignored("", SIGHUP));
    }
}
