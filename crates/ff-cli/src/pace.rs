//! Progress of long work on a number of images: a bar on a terminal, a line every 30 seconds without one.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar};
use tracing::info;

use crate::bar::progress_bar;

/// Time between two lines, without a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Progress with speed and time left.
pub(crate) struct Pace {
    bar: ProgressBar,
    start: Instant,
    said: Instant,
    done: usize,
    total: usize,
}

impl Pace {
    /// Starts to count images up to `total`.
    pub fn new(total: usize) -> Self {
        let template = "{bar:30} {pos}/{len} images, {per_sec}, {eta} left  {msg}";
        let bar = progress_bar(Some(total as u64), template);
        Self { bar, start: Instant::now(), said: Instant::now(), done: 0, total }
    }

    /// Adds images that are done.
    pub fn add(&mut self, images: usize) {
        self.done += images;
        self.bar.set_position(self.done as u64);
        if self.bar.is_hidden() && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let rate = self.rate();
            let left = HumanDuration(Duration::from_secs_f64((self.total - self.done) as f64 / rate));
            info!("{}/{} images, {rate:.1} images/s, {left} left", self.done, self.total);
        }
    }

    /// Images per second so far.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.start.elapsed().as_secs_f64()
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
