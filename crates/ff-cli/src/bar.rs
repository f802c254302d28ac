//! Progress of work: a bar on a terminal, plain lines without one.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::{Level, enabled, info};

use crate::output::BARS;

/// Creates a progress bar on stderr, which is hidden with `--quiet` and if stderr is not a terminal.
pub fn progress_bar(length: Option<u64>, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a valid template");
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden()).with_style(style);
    if enabled!(Level::INFO) { BARS.add(bar) } else { bar }
}

/// Progress of counted work: a bar on a terminal, a line for each tenth without one. Threads may
/// share it.
pub struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    /// Creates a bar that counts `what`, such as `images`.
    pub fn new(what: &'static str) -> Self {
        let bar = progress_bar(Some(0), "{bar:30} {pos}/{len} {msg}, {per_sec}, {eta} left");
        Self { bar: bar.with_message(what), what }
    }

    /// Shows that `done` of `total` are done.
    pub fn at(&self, done: usize, total: usize) {
        if !self.bar.is_hidden() {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
        } else if done * 10 / total.max(1) > (done - 1) * 10 / total.max(1) {
            info!("{done}/{total} {}", self.what);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
