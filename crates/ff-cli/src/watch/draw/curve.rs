//! The learning curve of the selected job.

use ff_train::EpochRecord;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use crate::progress::LEAST_WAIT;
use crate::watch::open::{OpenJob, State};
use crate::watch::style::{Theme, panel, shorten_label};
use crate::watch::view::{Panel, View};

/// The rows from which the validation score has a chart of its own.
const TWO_CHARTS: u16 = 14;

/// Draws the curve of the selected job, and who runs it at the lower edge. A failed job has its
/// reason instead.
pub fn draw(frame: &mut Frame<'_>, view: &View, theme: &Theme, area: Rect) {
    let active = view.panel == Panel::Curve;
    let jobs = view.snapshot.open();
    let Some(&(state, job)) = jobs.get(view.selected(Panel::Curve)) else {
        return frame.render_widget(panel(" Learning curve ", active), area);
    };
    let room = usize::from(area.width).saturating_sub(4);
    let block = panel(format!(" {} ", shorten_label(&job.label, room)), active);
    let note = job.note(state);
    if let Some(why) = why_no_curve(state, job) {
        let text = Paragraph::new(format!("{why}\n{note}")).wrap(Wrap { trim: false });
        return frame.render_widget(text.block(block), area);
    }
    let parts = [waits(state, job), Some(note), job.device.clone()];
    let mut details = String::new();
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        let longer = format!("{details}{}{part}", if details.is_empty() { "" } else { ", " });
        if longer.chars().count() <= room {
            details = longer;
        }
    }
    let block = if details.is_empty() { block } else { block.title_bottom(format!(" {details} ")) };
    let charts = block.inner(area);
    frame.render_widget(block, area);
    let line = |name, style, marker, points| Curve { name, style, marker, points };
    let losses = [
        line("training loss", theme.blue, Marker::Braille, points(job, |at| Some(at.train_loss))),
        line("validation loss", theme.orange, Marker::Dot, points(job, |at| Some(at.validation_loss))),
    ];
    if charts.height < TWO_CHARTS {
        return draw_chart(frame, &losses, charts);
    }
    let [above, below] = Layout::vertical([Constraint::Fill(1); 2]).areas(charts);
    draw_chart(frame, &losses, above);
    let score = line("validation score", theme.orange, Marker::Dot, points(job, |at| at.validation.value()));
    draw_chart(frame, &[score], below);
}

/// Says why a job has no curve to show; `None` if it has one.
fn why_no_curve(state: State, job: &OpenJob) -> Option<&'static str> {
    match (state, job.history.as_slice()) {
        (State::Failed, _) => Some("It failed."),
        (State::Waiting, _) => Some("It is not started."),
        (_, []) if job.epochs == 0 => Some("It does not train."),
        (_, []) => Some("No epoch is finished."),
        _ => None,
    }
}

/// Formats the share of time that training waits for images, if it is large.
fn waits(state: State, job: &OpenJob) -> Option<String> {
    let share = job.history.last()?.data_share();
    (state == State::Running && share >= LEAST_WAIT)
        .then(|| format!("waits for images {:.0} % of the time", 100.0 * share))
}

/// A line of a chart.
struct Curve {
    name: &'static str,
    style: Style,
    marker: Marker,
    points: Vec<(f64, f64)>,
}

fn points(job: &OpenJob, value: fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = job.history.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), value(epoch)?)));
    points.filter(|(_, value)| value.is_finite()).collect()
}

/// Draws curves over the finished epochs, below a line that names them.
fn draw_chart(frame: &mut Frame<'_>, curves: &[Curve], area: Rect) {
    let [legend, chart] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let names = curves.iter().flat_map(|curve| {
        let sample = if curve.marker == Marker::Dot { " •• " } else { " ⠤⠤ " };
        [Span::styled(sample, curve.style), Span::raw(format!("{}  ", curve.name))]
    });
    frame.render_widget(Line::from_iter(names), legend);
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|(_, value)| *value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return;
    }
    // A flat curve is in the middle.
    let margin = if low == high { 0.1 * low.abs().max(0.1) } else { 0.0 };
    let bounds = [low - margin, high + margin];
    let last = curves.iter().flat_map(|curve| &curve.points).map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let lines = curves.iter().map(|curve| {
        let line = Dataset::default().marker(curve.marker).graph_type(GraphType::Line);
        line.style(curve.style).data(&curve.points)
    });
    let chart_of = Chart::new(lines.collect())
        .x_axis(Axis::default().bounds([1.0, last]).labels(["epoch 1".to_owned(), format!("{last:.0}")]))
        .y_axis(Axis::default().bounds(bounds).labels(bounds.map(|end| format!("{end:.3}"))));
    frame.render_widget(chart_of, chart);
}
