//! What goes to the terminal.

use std::io::Write;

/// Prints a line to stderr. A reader that has gone away is no error: long work goes on without it.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Names of classes and files come from others: what would move the cursor or colour the terminal
/// is shown as �.
fn harmless(text: &str) -> String {
    let harmful = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(harmful, "\u{fffd}")
}

/// An error and its causes, each said once: many of ours name their cause themselves.
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

/// Prints to stdout. A reader that has gone away (`| head`) is no error.
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
    fn escape_characters_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\tb\n\u{1b}[31mc\r"), "a\tb\n\u{fffd}[31mc\u{fffd}");
    }

    #[test]
    fn a_cause_is_said_once() {
        let io = std::io::Error::other("no such file");
        assert_eq!(
            describe(&anyhow::Error::new(io).context("a.toml: no such file\n")),
            "a.toml: no such file"
        );
        let io = std::io::Error::other("no such file");
        assert_eq!(describe(&anyhow::Error::new(io).context("a.toml")), "a.toml: no such file");
    }
}
