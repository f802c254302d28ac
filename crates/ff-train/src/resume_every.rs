//! How often a run writes a resume point.

use std::time::{Duration, Instant};

/// How often a run writes a resume point; always after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResumeEvery {
    /// After the first step that ends so long after the last point.
    Time(Duration),
    /// After so many steps, at least 1.
    Steps(usize),
}

/// When the next resume point is due.
pub(crate) struct Due {
    every: ResumeEvery,
    since: Instant,
    steps: usize,
}

impl Due {
    pub(crate) fn new(every: ResumeEvery) -> Self {
        Self { every, since: Instant::now(), steps: 0 }
    }

    /// Whether a point is due after one more step.
    pub(crate) fn after_step(&mut self) -> bool {
        self.steps += 1;
        match self.every {
            ResumeEvery::Time(time) => self.since.elapsed() >= time,
            ResumeEvery::Steps(steps) => self.steps >= steps,
        }
    }

    pub(crate) fn done(&mut self) {
        *self = Self::new(self.every);
    }
}
