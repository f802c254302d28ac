//! When a download is given up.

use std::time::Duration;

/// Limits and pauses of retries.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time without a byte after which a connection counts as dropped.
    pub stall: Duration,
    /// Number of dropped connections in a row, without a new byte, after which to give up.
    pub tries: u32,
    /// Pause after the first dropped connection; it doubles with each further one.
    pub pause: Duration,
}

impl Patience {
    /// Waits after this number of failures in a row, at least one.
    pub(super) fn wait(&self, failures: u32) {
        std::thread::sleep(self.pause * 2_u32.pow((failures - 1).min(6)));
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), tries: 5, pause: Duration::from_secs(1) }
    }
}
