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

/// Shortens a text to a number of columns of the terminal, with `…` in its middle.
pub fn shorten(text: &str, columns: usize) -> String {
    let width = |text: &str| Span::raw(text).width();
    if width(text) <= columns {
        return text.to_owned();
    }
    let fits = |part: &str, columns: usize| width(part) <= columns;
    let ends = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let room = columns.saturating_sub(1);
    let head =
        ends().rev().map(|at| &text[..at]).find(|head| fits(head, room.div_ceil(2))).unwrap_or_default();
    let tail = ends().map(|at| &text[at..]).find(|tail| fits(tail, room / 2)).unwrap_or_default();
    if columns == 0 { String::new() } else { format!("{head}…{tail}") }
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
}
