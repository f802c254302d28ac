//! Progress of downloads and uploads: a bar on a terminal, plain lines without one.

use std::io::IsTerminal;

use indicatif::{HumanBytes, ProgressBar};
use tracing::info;

use crate::bar::progress_bar;

const TEMPLATE: &str =
    "{bar:30} {percent:>3}% {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {wide_msg}";

/// Shows the progress of one file after another. The default one prints nothing.
#[derive(Default)]
pub struct Meter {
    loud: bool,
    bar: Option<ProgressBar>,
    name: String,
    total: Option<u64>,
    tenths: u64,
}

impl Meter {
    /// Creates a meter that prints to stderr.
    pub fn new() -> Self {
        Self { loud: true, ..Self::default() }
    }

    /// Starts to show a file, of which `have` bytes have arrived before. Without a bar, `line` says
    /// what begins.
    pub(crate) fn begin(&mut self, name: &str, line: &str, have: u64, total: Option<u64>) {
        (self.name, self.total) = (name.to_owned(), total);
        self.tenths = self.tenths_of(have);
        if self.loud && std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| progress_bar(None, TEMPLATE));
            total.map_or_else(|| bar.unset_length(), |total| bar.set_length(total));
            bar.set_message(name.to_owned());
            bar.set_position(have);
            return bar.reset_eta();
        }
        let size = total.map_or_else(String::new, |total| format!(", {}", HumanBytes(total)));
        let from = if have > 0 { format!(", resuming after {}", HumanBytes(have)) } else { String::new() };
        self.line(&format!("{line}{size}{from}"));
    }

    /// Shows that `have` bytes of the file have arrived: by the bar, or a line for each tenth.
    pub(crate) fn at(&mut self, have: u64) {
        if let Some(bar) = &self.bar {
            return bar.set_position(have);
        }
        let tenths = self.tenths_of(have);
        if tenths > self.tenths {
            self.tenths = tenths;
            self.line(&format!("{}: {tenths}0%", self.name));
        }
    }

    /// Removes the bar until the next file.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a line.
    pub(crate) fn line(&self, text: &str) {
        if self.loud {
            info!("{text}");
        }
    }

    fn tenths_of(&self, have: u64) -> u64 {
        self.total.map_or(0, |total| 10 * have / total.max(1))
    }
}
