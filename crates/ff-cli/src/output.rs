//! Output to the terminal.

use std::io::Write;
use std::sync::LazyLock;

use indicatif::MultiProgress;

/// All progress bars of this process, below the lines that it prints.
pub(crate) static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Prints a line to stderr, above the progress bars. A closed stderr is ignored, so that long work
/// continues without it.
pub fn say(text: &str) {
    let line = harmless(text) + "\n";
    // One write: processes that share stderr do not mix their lines.
    let _ = BARS.suspend(|| std::io::stderr().write_all(line.as_bytes()));
}

/// Replaces control characters by �: names of classes and files are untrusted, and could move the
/// cursor or colour the terminal.
pub(crate) fn harmless(text: &str) -> String {
    let harmful = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(harmful, "\u{fffd}")
}

/// Joins an error and its causes; a cause that an earlier text contains is left out.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if !text.contains(cause.trim_end()) {
            text += if text.is_empty() { "" } else { ": " };
            text += cause.trim_end();
        }
    }
    text
}

/// Prints to stdout. A reader that closes the pipe (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(harmless(text).as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(harmless("a\tb\n\u{1b}[31mc\r"), "a\tb\n\u{fffd}[31mc\u{fffd}");
    }

    #[test]
    fn a_cause_is_printed_once() {
        let io = std::io::Error::other("no such file");
        assert_eq!(
            describe(&anyhow::Error::new(io).context("a.toml: no such file\n")),
            "a.toml: no such file"
        );
        let io = std::io::Error::other("no such file");
        assert_eq!(describe(&anyhow::Error::new(io).context("a.toml")), "a.toml: no such file");
    }
}
