//! How long a download is tried.

use std::time::Duration;

/// When to give up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without a byte for so long, a connection counts as dropped
    pub stall: Duration,
    /// Dropped connections in a row, none of which brought anything new
    pub tries: u32,
    /// Pause after the first of them; it doubles with each
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), tries: 5, pause: Duration::from_secs(1) }
    }
}
