//! The best model of each column, and the jobs that finished last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::watch::style::{first_row, panel, selected, shorten_label};
use crate::watch::text::spoken;
use crate::watch::view::{Panel, View};

/// Draws the best models.
pub fn draw_best(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.snapshot.best.iter().map(|best| (format!("{:.4}", best.score), best.label.as_str()));
    draw(frame, view, Panel::Best, " Best validation score so far ", rows.collect(), area);
}

/// Draws the finished jobs, each with the time since then and its score.
pub fn draw_finished(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let finished = &view.snapshot.finished;
    let longest = finished.iter().map(|job| spoken(job.seconds_ago).len()).max().unwrap_or(0);
    let rows = finished.iter().map(|job| {
        let score = job.score.map_or(String::new(), |score| format!("{score:.4}"));
        (format!("{:>longest$}  {score:6}", spoken(job.seconds_ago)), job.label.as_str())
    });
    draw(frame, view, Panel::Finished, " Finished, how long ago ", rows.collect(), area);
}

/// Draws the rows around the selected one: numbers and a label each.
fn draw(frame: &mut Frame<'_>, view: &View, kind: Panel, title: &str, rows: Vec<(String, &str)>, area: Rect) {
    let block = panel(title, view.panel == kind);
    let inner = block.inner(area);
    let [height, width] = [inner.height, inner.width].map(usize::from);
    let first = first_row(view.selected(kind), height, rows.len());
    let lines = rows.iter().enumerate().skip(first).take(height).map(|(at, (numbers, label))| {
        let label = shorten_label(view.snapshot.short(label), width.saturating_sub(numbers.len() + 2));
        let line = Line::from(format!("{numbers}  {label:width$}"));
        if view.panel == kind && view.selected(kind) == at { line.style(selected()) } else { line }
    });
    let lines: Vec<Line<'_>> = if rows.is_empty() { vec![Line::from("none yet")] } else { lines.collect() };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
