//! The head of the dashboard, with the progress of the whole table, and its foot.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Paragraph, RenderDirection, Sparkline, Wrap};

use super::jobs::symbol;
use crate::watch::open::State;
use crate::watch::snapshot::Snapshot;
use crate::watch::style::{Theme, bold, shorten};
use crate::watch::text::spoken;
use crate::watch::view::View;

/// The narrowest speed over time that is worth drawing.
const LEAST_SPARKLINE: u16 = 10;

/// What the keys do, the most important first.
const KEYS: [&str; 5] = ["q quit", "↑↓ select", "Tab panel", "g/G first/last", "quitting stops no job"];

/// Draws the table's progress in three rows: counts and time left, a bar, and states with the speed.
pub fn draw(frame: &mut Frame<'_>, view: &View, theme: &Theme, area: Rect) {
    let [title, bar, states] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    let snapshot = &view.snapshot;
    let left = snapshot.left_seconds.map_or(String::new(), |left| format!("about {} left ", spoken(left)));
    let done = format!(": {} of {} jobs done", snapshot.done, snapshot.jobs);
    let room = usize::from(title.width).saturating_sub(done.chars().count() + left.chars().count() + 2);
    let name = Span::styled(format!(" {}", shorten(&snapshot.table, room)), bold());
    frame.render_widget(Line::from(vec![name, done.into()]), title);
    frame.render_widget(Line::from(left).right_aligned(), title);
    let gauge = LineGauge::default()
        .ratio(snapshot.share.clamp(0.0, 1.0))
        .label(format!(" {:>3.0} %", 100.0 * snapshot.share))
        .filled_symbol("█")
        .unfilled_symbol("░")
        .filled_style(theme.blue)
        .unfilled_style(Style::new());
    frame.render_widget(gauge, bar);
    draw_states(frame, view, theme, states);
}

/// Draws how many jobs are in each state; then, as far as they fit, the speed and its course.
fn draw_states(frame: &mut Frame<'_>, view: &View, theme: &Theme, area: Rect) {
    let room = usize::from(area.width);
    let named = states(&view.snapshot, theme, true);
    let states = if named.width() <= room { named } else { states(&view.snapshot, theme, false) };
    let speed = match view.snapshot.images_per_second {
        0.0 => String::new(),
        speed => format!(" {speed:.0} images/s "),
    };
    let speed = if states.width() + speed.len() <= room { speed } else { String::new() };
    let [left, middle, right] = Layout::horizontal([
        Constraint::Length(states.width() as u16),
        Constraint::Fill(1),
        Constraint::Length(speed.len() as u16),
    ])
    .areas(area);
    frame.render_widget(states, left);
    frame.render_widget(Line::from(speed), right);
    if middle.width >= LEAST_SPARKLINE && view.speeds.iter().any(|&speed| speed > 0) {
        // The latest speed is next to its number.
        let latest = view.speeds.iter().rev().copied();
        let sparkline = Sparkline::default().data(latest).direction(RenderDirection::RightToLeft);
        frame.render_widget(sparkline.style(theme.blue), middle);
    }
}

/// Counts the jobs in each state, with names or only symbols.
fn states(snapshot: &Snapshot, theme: &Theme, with_names: bool) -> Line<'static> {
    let counts = [
        (symbol(State::Running, theme), snapshot.running.len(), "running"),
        (symbol(State::Failed, theme), snapshot.failed.len(), "failed"),
        (symbol(State::Stopped, theme), snapshot.stopped.len(), "stopped"),
        (symbol(State::Waiting, theme), snapshot.waiting.len(), "waiting"),
        (("⊘", Style::new()), snapshot.missing, "blocked"),
    ];
    let parts = counts.into_iter().filter(|(_, count, name)| *count > 0 || *name == "running");
    let spans = parts.flat_map(|((symbol, style), count, name)| {
        let name = if with_names { format!(" {name}") } else { String::new() };
        [Span::styled(format!(" {symbol}"), style), Span::raw(format!(" {count}{name}"))]
    });
    Line::from_iter(spans.chain([Span::raw(" ")]))
}

/// Returns the number of rows that [`draw_idle`] needs.
pub fn idle_rows(snapshot: &Snapshot, width: u16) -> u16 {
    let columns = snapshot.idle_text().map_or(0, |text| text.chars().count() as u16 + 1);
    columns.div_ceil(width.max(1))
}

/// Says that no process runs the jobs that are left.
pub fn draw_idle(frame: &mut Frame<'_>, snapshot: &Snapshot, theme: &Theme, area: Rect) {
    let text = format!(" {}", snapshot.idle_text().unwrap_or_default());
    frame.render_widget(
        Paragraph::new(text).style(theme.orange.patch(bold())).wrap(Wrap { trim: false }),
        area,
    );
}

/// Draws the keys that fit.
pub fn draw_keys(frame: &mut Frame<'_>, area: Rect) {
    let mut keys = String::new();
    for key in KEYS {
        if keys.chars().count() + key.chars().count() + 3 <= usize::from(area.width) {
            keys += &format!(" {key}  ");
        }
    }
    frame.render_widget(Line::from(keys), area);
}
