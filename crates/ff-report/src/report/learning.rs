//! Learning curves.

use maud::{Markup, html};

use crate::figure::{Curve, CurveKind, Curves, Span, Spot};
use crate::report::data::{ColumnReport, TrainingRun};
use crate::report::picture;

/// The number of runs with a colour of their own.
const SHOWN: usize = 5;

const INTRODUCTION: &str = "The validation metric after each epoch, and below it the learning rate. Markers are saved models: \
                            the epoch that was kept or, with a cyclic learning rate, the snapshots at its minima.";

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    column.runs.first()?;
    Some(html! {
        p { (INTRODUCTION) }
        div.plots { @for cyclic in [false, true] { (of_kind(column, cyclic)) } }
        @for run in &column.runs {
            @if let Some(note) = &run.note { p.note { (run.name) ": " (note) } }
        }
    })
}

fn of_kind(column: &ColumnReport, cyclic: bool) -> Markup {
    let runs: Vec<&TrainingRun> =
        column.runs.iter().filter(|run| run.cyclic == cyclic && !run.epochs.is_empty()).collect();
    if runs.is_empty() {
        return html! {};
    }
    let what = if cyclic { "cyclic runs (FGG)" } else { "fine-tuning" };
    let title = format!("{}: {what}", column.name());
    let last = runs.iter().flat_map(|run| run.epochs.iter().map(|of| of.0)).max().unwrap_or(1);
    let best = |run: &&TrainingRun| run.models.iter().filter_map(|of| of.1).fold(f64::NEG_INFINITY, f64::max);
    let mut ranked = runs.clone();
    ranked.sort_by(|a, b| best(b).total_cmp(&best(a)));
    let (shown, others) = ranked.split_at(ranked.len().min(SHOWN.max(if cyclic { 8 } else { 0 })));
    let curves = |spots: &dyn Fn(&TrainingRun) -> Vec<Spot>| -> Vec<Curve> {
        let curve = |run: &TrainingRun, kind| Curve { name: run.name.clone(), spots: spots(run), kind };
        let faint = others.iter().map(|run| curve(run, CurveKind::Faint));
        shown.iter().map(|run| curve(run, CurveKind::Line)).chain(faint).collect()
    };
    let plot = |y_label: String, y, curves, height, legend| Curves {
        title: title.clone(),
        x_label: if legend { "epoch".to_owned() } else { String::new() },
        y_label,
        x: Span::Epochs(last),
        y,
        curves,
        diagonal: None,
        height,
        legend,
    };
    let metric =
        plot(format!("validation {}", column.metric.title()), Span::Data, curves(&metric_spots), 260, false);
    let rates = curves(&|run| run.rates.iter().map(|&(x, y)| Spot::at(x, y)).collect());
    let rates = plot("learning rate".to_owned(), Span::Powers, rates, 130, true);
    let grey = match others.len() {
        0 => String::new(),
        count => format!(" The other {count} are grey."),
    };
    html! {
        div {
            (picture::curves(&metric, &format!("{title}, the {} runs with the best models.{grey}", shown.len())))
            @if rates.curves.iter().any(|curve| !curve.spots.is_empty()) { (picture::curves(&rates, "")) }
        }
    }
}

/// The points of epochs and saved models, in order of time.
fn metric_spots(run: &TrainingRun) -> Vec<Spot> {
    let epochs = run.epochs.iter().filter_map(|&(epoch, value)| Some(Spot::at(f64::from(epoch), value?)));
    let models = run.models.iter().filter_map(|&(x, y)| Some(Spot { mark: true, ..Spot::at(x, y?) }));
    let mut spots: Vec<Spot> = epochs.chain(models).collect();
    spots.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.mark.cmp(&b.mark)));
    spots
}
