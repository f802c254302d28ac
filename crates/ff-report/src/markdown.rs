//! GitHub's Markdown, with aligned columns that are also legible as plain text.

use std::fmt::Write as _;

use crate::rank::Rank;
use crate::section::{Field, Footnotes, Section};

/// Writes the sections below each other.
pub(crate) fn document(title: &str, sections: &[Section]) -> String {
    let mut text = format!("# {}\n", escape(title));
    for section in sections {
        write_section(&mut text, section);
    }
    text
}

fn write_section(text: &mut String, section: &Section) {
    let footnotes = section.footnotes();
    let field = |field: &Field| write_field(field, &footnotes);
    let mut grid: Vec<Vec<String>> = vec![section.head.iter().map(|head| escape(head)).collect()];
    grid.extend(section.rows.iter().map(|row| row.iter().map(field).collect()));
    let width = |at: usize| grid.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..section.head.len()).map(width).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n## {}\n", escape(&section.heading));
    for (line, row) in grid.iter().enumerate() {
        for (at, (field, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = match at < section.words {
                true => write!(text, "| {field:<width$} "),
                false => write!(text, "| {field:>width$} "),
            };
        }
        text.push_str("|\n");
        if line == 0 {
            for (at, &width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width + 1);
                let _ =
                    if at < section.words { write!(text, "|:{dashes}") } else { write!(text, "|{dashes}:") };
            }
            text.push_str("|\n");
        }
    }
    for (nth, footnote) in footnotes.0.iter().enumerate() {
        let _ = write!(text, "\n<sup>{}</sup> {}\n", nth + 1, escape(footnote));
    }
    for remark in &section.remarks {
        let _ = write!(text, "\n{}\n", escape(remark));
    }
}

fn write_field(field: &Field, footnotes: &Footnotes) -> String {
    let text = escape(&field.text);
    let text = match field.mark {
        Some(Rank::Best) => format!("**{text}**"),
        Some(Rank::Second) => format!("<u>{text}</u>"),
        None => text,
    };
    match footnotes.number(field) {
        Some(note) => format!("{text}<sup>{note}</sup>"),
        None => text,
    }
}

/// Escapes text for Markdown, including fields of tables.
///
/// Characters that would end a field or begin emphasis, a tag, an entity or a link are escaped.
/// Line breaks and other control characters become spaces. An underscore inside a word needs no
/// escape.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let plain = match letter {
            '_' => word(before) && word(next),
            '&' => !word(next) && next != Some('#'),
            ']' => !matches!(next, Some('(' | '[' | ':')),
            '|' | '*' | '<' | '`' | '\\' => false,
            _ => true,
        };
        match letter {
            _ if letter.is_control() => escaped.push(' '),
            _ if plain => escaped.push(letter),
            _ => escaped.extend(['\\', letter]),
        }
        before = Some(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escape("[a](b) & &lt; [0, 1]\u{1b}"), r"[a\](b) & \&lt; [0, 1] ");
        assert_eq!(escape("a|b_c *d* _e_ <f>\n`g`"), r"a\|b_c \*d\* \_e\_ \<f> \`g\`");
    }
}
