//! Draws the dashboard: a head, panels and a foot.
//!
//! 80 columns and 24 rows hold every panel. Smaller terminals show fewer.

mod curve;
mod head;
mod jobs;
mod lists;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::style::Theme;
use super::view::{Panel, View};

/// The rows and columns that all panels need.
const ALL_PANELS: (u16, u16) = (16, 72);

/// The columns that the lists of finished jobs have at least.
const LISTS: u16 = 40;

/// Draws a view.
pub fn draw(frame: &mut Frame<'_>, view: &View, theme: &Theme) {
    let area = frame.area();
    let idle = head::idle_rows(&view.snapshot, area.width);
    let [head, idle, body, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(idle),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    head::draw(frame, view, theme, head);
    head::draw_idle(frame, &view.snapshot, theme, idle);
    head::draw_keys(frame, foot);
    let (rows, columns) = ALL_PANELS;
    if body.height < rows {
        return draw_panel(frame, view, theme, view.panel, body);
    }
    let jobs = view.snapshot.open().len().clamp(2, (body.height as usize / 2).saturating_sub(4)) as u16 + 3;
    let [top, bottom] = Layout::vertical([Constraint::Length(jobs), Constraint::Min(0)]).areas(body);
    draw_panel(frame, view, theme, Panel::Jobs, top);
    if body.width < columns {
        let panel = if view.panel == Panel::Jobs { Panel::Curve } else { view.panel };
        return draw_panel(frame, view, theme, panel, bottom);
    }
    let lists = (body.width * 2 / 5).max(LISTS);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(lists)]).areas(bottom);
    let best = (view.snapshot.best.len() as u16 + 2).clamp(3, right.height / 2);
    let [best, finished] = Layout::vertical([Constraint::Length(best), Constraint::Min(0)]).areas(right);
    draw_panel(frame, view, theme, Panel::Curve, left);
    draw_panel(frame, view, theme, Panel::Best, best);
    draw_panel(frame, view, theme, Panel::Finished, finished);
}

fn draw_panel(frame: &mut Frame<'_>, view: &View, theme: &Theme, panel: Panel, area: Rect) {
    match panel {
        Panel::Jobs => jobs::draw(frame, view, theme, area),
        Panel::Curve => curve::draw(frame, view, theme, area),
        Panel::Best => lists::draw_best(frame, view, area),
        Panel::Finished => lists::draw_finished(frame, view, area),
    }
}

#[cfg(test)]
mod tests;
