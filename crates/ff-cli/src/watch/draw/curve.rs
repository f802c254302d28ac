//! The learning curve and the details of the selected job.

use ff_train::EpochRecord;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use crate::watch::open::{OpenJob, State};
use crate::watch::style::{Theme, panel, shorten};
use crate::watch::view::{Panel, View};

/// The rows from which the validation score has a chart of its own.
const TWO_CHARTS: u16 = 18;

/// The share of time waiting for images from which it is worth a note.
const WAITS: f64 = 0.05;

/// Draws the curve of the selected job, with what runs it below.
pub fn draw(frame: &mut Frame<'_>, view: &View, theme: &Theme, area: Rect) {
    let jobs = view.snapshot.open();
    let Some(&(state, job)) = jobs.get(view.job) else {
        return frame.render_widget(panel(" Learning curve ", view.panel == Panel::Curve), area);
    };
    let label = shorten(&job.label, usize::from(area.width).saturating_sub(4));
    let block = panel(format!(" {label} "), view.panel == Panel::Curve);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let details = details(state, job);
    if job.history.is_empty() {
        let text = match (state, job.epochs) {
            (State::Running, 0) => "It does not train.",
            (State::Running, _) => "Its curve begins with the end of the first epoch.",
            (State::Waiting, _) => "Not started.",
            _ => "No epoch is finished.",
        };
        let text = format!("{text}\n{details}");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), inner);
    }
    let rows = u16::from(!details.is_empty());
    let [charts, foot] = Layout::vertical([Constraint::Min(0), Constraint::Length(rows)]).areas(inner);
    frame.render_widget(Line::from(shorten(&details, usize::from(foot.width))), foot);
    let last = job.epochs.max(2) as f64;
    let losses = [
        Curve {
            name: "training loss",
            style: theme.blue,
            marker: Marker::Braille,
            points: points(job, |at| Some(at.train_loss)),
        },
        Curve {
            name: "validation loss",
            style: theme.orange,
            marker: Marker::Dot,
            points: points(job, |at| Some(at.validation_loss)),
        },
    ];
    let score = [Curve {
        name: "validation score",
        style: theme.orange,
        marker: Marker::Dot,
        points: points(job, |at| at.validation.value()),
    }];
    if charts.height < TWO_CHARTS {
        return draw_chart(frame, &losses, last, charts);
    }
    let [above, below] = Layout::vertical([Constraint::Fill(1); 2]).areas(charts);
    draw_chart(frame, &losses, last, above);
    draw_chart(frame, &score, last, below);
}

/// Formats who runs a job on what, or why nobody does, and what slows it down.
fn details(state: State, job: &OpenJob) -> String {
    let waits = job.history.last().map(EpochRecord::data_share).filter(|share| *share >= WAITS);
    let waits = waits.filter(|_| state == State::Running);
    let waits = waits.map(|share| format!("{:.0} % of the time waiting for images", 100.0 * share));
    let parts = [Some(job.note(state)), job.device.clone(), waits];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
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

/// Draws curves over the epochs 1 to `last`, below a line that names them.
fn draw_chart(frame: &mut Frame<'_>, curves: &[Curve], last: f64, area: Rect) {
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
    let labels = |ends: [f64; 2], digits: usize| ends.map(|end| Span::from(format!("{end:.digits$}")));
    let lines = curves.iter().map(|curve| {
        let line = Dataset::default().marker(curve.marker).graph_type(GraphType::Line);
        line.style(curve.style).data(&curve.points)
    });
    let chart_of = Chart::new(lines.collect())
        .x_axis(Axis::default().title("epoch").bounds([1.0, last]).labels(labels([1.0, last], 0)))
        .y_axis(Axis::default().bounds(bounds).labels(labels(bounds, 3)));
    frame.render_widget(chart_of, chart);
}
