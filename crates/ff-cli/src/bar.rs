//! How far a piece of work is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::say;

/// How far a piece of work is: a bar on a terminal, a line for every tenth of it elsewhere. Threads may share it.
pub struct Bar {
    bar: Option<ProgressBar>,
    what: &'static str,
}

impl Bar {
    /// Counts `what`.
    pub fn new(what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {per_sec}, {eta} left");
            ProgressBar::new(0).with_style(style.expect("a valid template")).with_message(what)
        });
        Self { bar, what }
    }

    /// `done` of `total`.
    pub fn at(&self, done: usize, total: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            None if done * 10 / total.max(1) > (done - 1) * 10 / total.max(1) => {
                say(&format!("{done}/{total} {}", self.what));
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
