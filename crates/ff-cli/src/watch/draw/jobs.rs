//! The table of the jobs that are not done.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use crate::watch::open::{OpenJob, State};
use crate::watch::style::{Theme, bold, first_row, panel, selected, shorten, shorten_label, width};
use crate::watch::text::spoken;
use crate::watch::view::{Panel, View};

/// A column beside the job's label.
struct Column {
    name: &'static str,
    cell: fn(State, &OpenJob) -> String,
    /// The columns that the label keeps beside this one, if it needs as many.
    label: usize,
    is_number: bool,
}

/// The columns. A narrow terminal has the first ones.
const COLUMNS: [Column; 6] = [
    Column { name: "epoch", cell: epoch, label: 8, is_number: true },
    Column { name: "score", cell: score, label: 12, is_number: true },
    Column { name: "img/s", cell: speed, label: 16, is_number: true },
    Column { name: "left", cell: left, label: 20, is_number: true },
    Column {
        name: "device",
        cell: |_, job| job.device.clone().unwrap_or_default(),
        label: 36,
        is_number: false,
    },
    Column {
        name: "notes",
        cell: |state, job| job.note(state).replace('\n', " "),
        label: 44,
        is_number: false,
    },
];

/// The columns that longer texts beside the label are shortened to at most.
const LEAST_NOTE: usize = 24;

/// Returns the symbol of a state, and its style.
pub fn symbol(state: State, theme: &Theme) -> (&'static str, Style) {
    match state {
        State::Running => ("●", theme.blue),
        State::Failed => ("✗", theme.orange),
        State::Stopped => ("■", theme.orange),
        State::Waiting => ("○", Style::new()),
    }
}

/// Draws the jobs around the selected one.
pub fn draw(frame: &mut Frame<'_>, view: &View, theme: &Theme, area: Rect) {
    let jobs = view.snapshot.open();
    let active = view.panel == Panel::Jobs;
    let at = view.selected(Panel::Jobs);
    let place = if jobs.is_empty() { String::new() } else { format!(" {}/{} ", at + 1, jobs.len()) };
    let of = view.snapshot.only_column.as_ref().map_or(String::new(), |column| format!("of {column} "));
    let title = shorten(&format!(" Jobs {of}"), usize::from(area.width).saturating_sub(place.len() + 2));
    let block = panel(title, active).title(Line::from(place).right_aligned());
    let inner = block.inner(area);
    if jobs.is_empty() {
        return frame.render_widget(Paragraph::new("All jobs are done.").block(block), area);
    }
    let longest = jobs.iter().map(|(_, job)| width(view.snapshot.short(&job.label))).max().unwrap_or(0);
    let (label, columns) = columns(&jobs, longest, usize::from(inner.width));
    let rows = usize::from(inner.height).saturating_sub(1);
    let first = first_row(at, rows, jobs.len());
    let shown = jobs.iter().enumerate().skip(first).take(rows).map(|(row, &(state, job))| {
        let (symbol, style) = symbol(state, theme);
        let name = shorten_label(view.snapshot.short(&job.label), label);
        let mut cells = vec![Cell::from(symbol).style(style), Cell::from(name)];
        cells.extend(
            columns.iter().map(|(column, width)| column.aligned(shorten(&(column.cell)(state, job), *width))),
        );
        let style = if row == at { selected() } else { Style::new() };
        Row::new(cells).style(style)
    });
    let names = columns.iter().map(|(column, _)| column.aligned(column.name.to_owned()));
    let header = Row::new([Cell::from(""), Cell::from("job")].into_iter().chain(names)).style(bold());
    let widths = [1, label].into_iter().chain(columns.iter().map(|(_, width)| *width));
    let table = Table::new(shown, widths.map(|width| Constraint::Length(width as u16))).header(header);
    frame.render_widget(table.block(block), area);
}

/// Returns the width of the labels, and the columns that fit beside them with theirs. The longest
/// label has `longest` columns.
fn columns(
    jobs: &[(State, &OpenJob)],
    longest: usize,
    room: usize,
) -> (usize, Vec<(&'static Column, usize)>) {
    // The symbol, and a blank after it.
    let mut label = room.saturating_sub(2);
    let mut columns = Vec::new();
    for column in &COLUMNS {
        let cells = jobs.iter().map(|&(state, job)| width(&(column.cell)(state, job)));
        let width = cells.chain([column.name.len()]).max().unwrap_or(0);
        let spare = label.saturating_sub(1 + column.label.min(longest));
        let width = if column.is_number { width } else { width.min(spare.max(LEAST_NOTE)) };
        if width > spare {
            break;
        }
        label -= width + 1;
        columns.push((column, width));
    }
    (label.min(longest), columns)
}

impl Column {
    fn aligned(&self, text: String) -> Cell<'static> {
        let text = Text::from(text);
        Cell::from(if self.is_number { text.right_aligned() } else { text })
    }
}

fn epoch(state: State, job: &OpenJob) -> String {
    let begun = state == State::Running || !job.history.is_empty();
    if job.epochs > 0 && begun { format!("{}/{}", job.history.len(), job.epochs) } else { String::new() }
}

fn score(_: State, job: &OpenJob) -> String {
    let score =
        job.score().map(|score| score.value().map_or("none".to_owned(), |score| format!("{score:.4}")));
    score.unwrap_or_default()
}

fn speed(state: State, job: &OpenJob) -> String {
    let speed = job.speed().filter(|_| state == State::Running);
    speed.map_or(String::new(), |speed| format!("{speed:.0}"))
}

fn left(state: State, job: &OpenJob) -> String {
    job.left_seconds().filter(|_| state == State::Running).map_or(String::new(), spoken)
}
