//! The best model of each column, and the jobs that finished last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::watch::style::{panel, shorten};
use crate::watch::text::spoken;
use crate::watch::view::{Panel, View};

/// Draws the best models.
pub fn draw_best(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.snapshot.best.iter().map(|best| (format!("{:.4}", best.score), best.label.as_str()));
    let title = " Best validation score so far ";
    draw(frame, title, view.panel == Panel::Best, rows.collect(), view.best, area);
}

/// Draws the finished jobs.
pub fn draw_finished(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.snapshot.finished.iter().map(|job| {
        let score = job.score.map_or(String::new(), |score| format!("{score:.4}"));
        (format!("{:>8} ago  {score:6}", spoken(job.seconds_ago)), job.label.as_str())
    });
    let title = " Last finished ";
    draw(frame, title, view.panel == Panel::Finished, rows.collect(), view.finished, area);
}

/// Draws numbers and labels from the row `first` on.
fn draw(
    frame: &mut Frame<'_>,
    title: &str,
    active: bool,
    rows: Vec<(String, &str)>,
    first: usize,
    area: Rect,
) {
    let block = panel(title, active);
    let inner = block.inner(area);
    // The last page is full.
    let first = first.min(rows.len().saturating_sub(usize::from(inner.height)));
    let lines = rows.iter().skip(first).take(usize::from(inner.height)).map(|(numbers, label)| {
        let room = usize::from(inner.width).saturating_sub(numbers.len() + 2);
        Line::from(format!("{numbers}  {}", shorten(label, room)))
    });
    let lines: Vec<Line<'_>> = if rows.is_empty() { vec![Line::from("none yet")] } else { lines.collect() };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
