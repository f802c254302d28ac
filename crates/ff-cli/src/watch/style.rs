//! Colours, frames and shortened texts of the dashboard.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};

/// Blue and orange: colour-blind people can tell them apart, and both have a contrast of 4 to 1 with
/// black and with white. The first 16 colours differ from terminal to terminal, these do not.
const BLUE: Color = Color::Indexed(31);
const ORANGE: Color = Color::Indexed(166);

/// The styles. Where colours mean something, symbols say it too.
pub struct Theme {
    /// Training losses, what runs and what is done.
    pub blue: Style,
    /// Validation, and what needs attention.
    pub orange: Style,
}

impl Theme {
    /// Chooses the colours, or none if `NO_COLOR` is set.
    pub fn of_environment() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self { blue: Style::new(), orange: Style::new() },
            _ => Self { blue: Style::new().fg(BLUE), orange: Style::new().fg(ORANGE) },
        }
    }
}

/// The style of headings.
pub fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Makes the frame of a panel; that of the active one is thick.
pub fn panel<'a>(title: impl Into<Line<'a>>, active: bool) -> Block<'a> {
    let border = if active { BorderType::Thick } else { BorderType::Plain };
    Block::bordered().border_type(border).title(title.into())
}

/// The style of the selected row.
pub fn selected() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

/// Returns the first of the rows around the selected one that a panel of some height shows.
pub fn first_row(selected: usize, height: usize, rows: usize) -> usize {
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// Shortens a job's label. Of its column less is kept than of what it is in the column.
pub fn shorten_label(label: &str, columns: usize) -> String {
    match label.split_once(": ") {
        Some((column, name)) if columns > 2 && width(label) > columns => {
            let room = columns - 2;
            let name = shorten(name, room - width(column).min(room / 4));
            format!("{}: {name}", shorten(column, room - width(&name)))
        }
        _ => shorten(label, columns),
    }
}

/// Shortens a text to a number of columns of the terminal, with `…` in its middle.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let cuts = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let head = cuts().rev().map(|at| &text[..at]).find(|head| width(head) <= room.div_ceil(2));
    let tail = cuts().map(|at| &text[at..]).find(|tail| width(tail) <= room / 2);
    format!("{}…{}", head.unwrap_or_default(), tail.unwrap_or_default())
}

/// Returns the number of columns of the terminal that a text takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(shorten("lr 1e-3 heavy seed 0", 20), "lr 1e-3 heavy seed 0");
        assert_eq!(shorten("lr 1e-3 heavy seed 0", 12), "lr 1e-…eed 0");
        assert_eq!(shorten("lr 1e-3 heavy seed 0", 1), "…");
        assert_eq!(shorten("lr 1e-3 heavy seed 0", 0), "");
        // Wide letters take two columns.
        assert_eq!(shorten("細胞細胞細胞", 8), "細胞…胞");
    }

    #[test]
    fn labels_keep_what_tells_them_from_others() {
        let label = "cells ResNet50: lr 1e-5 heavy seed 0";
        assert_eq!(shorten_label(label, 36), label);
        assert_eq!(shorten_label(label, 30), "cell…t50: lr 1e-5 heavy seed 0");
        assert_eq!(shorten_label(label, 22), "ce…50: lr 1e-5… seed 0");
        assert_eq!(shorten_label(label, 3), ": …");
        assert_eq!(shorten_label("lr 1e-5 heavy seed 0", 8), "lr 1…d 0");
    }
}
