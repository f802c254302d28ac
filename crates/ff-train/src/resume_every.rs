//! The interval between a run's resume points.

use std::time::{Duration, Instant};

/// The interval between a run's resume points. A point is always written after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResumeEvery {
    /// After the first step that ends at least this long after the last point.
    Time(Duration),
    /// After this number of steps, at least 1.
    Steps(usize),
}

/// The time at which the next resume point is due.
pub(crate) struct Due {
    every: ResumeEvery,
    since: Instant,
    steps: usize,
}

impl Due {
    pub(crate) fn new(every: ResumeEvery) -> Self {
        Self { every, since: Instant::now(), steps: 0 }
    }

    /// Counts a step and returns whether a point is due after it.
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
