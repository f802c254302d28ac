//! How far a piece of work is: a bar on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::say;

/// A bar on stderr, hidden where that is no terminal.
pub fn progress_bar(length: Option<u64>, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a valid template");
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
}

/// How far a piece of work is: a bar on a terminal, a line for every tenth of it elsewhere. Threads
/// may share it.
pub struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    /// Counts `what`.
    pub fn new(what: &'static str) -> Self {
        let bar = progress_bar(Some(0), "{bar:30} {pos}/{len} {msg}, {per_sec}, {eta} left");
        Self { bar: bar.with_message(what), what }
    }

    /// `done` of `total`.
    pub fn at(&self, done: usize, total: usize) {
        if !self.bar.is_hidden() {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
        } else if done * 10 / total.max(1) > (done - 1) * 10 / total.max(1) {
            say(&format!("{done}/{total} {}", self.what));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
