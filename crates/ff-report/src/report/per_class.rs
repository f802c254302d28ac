//! Results per class: tables, confusion matrices, ROC curves and calibration.

use ff_eval::{Calibration, Confusion, Value};
use maud::{Markup, html};

use crate::figure::{Curve, CurveKind, Curves, Span, Spot};
use crate::format::{self, NOTHING};
use crate::report::data::{ColumnReport, PerClassReport};
use crate::report::{grid, picture};

/// The largest number of classes for which a matrix and a legend of curves are legible.
const MANY: usize = 20;

const INTRODUCTION: &str = "On the test split. The prediction is the class with the highest output or, for yes-or-no tasks, a \
                            probability above one half.";

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let reports = &column.per_class_reports;
    reports.first()?;
    Some(html! {
        p { (INTRODUCTION) }
        div.plots.pair { @for per_class in reports { div { (of_model(column, per_class)) } } }
        @if column.in_use.is_none() { (reliability(column)) }
    })
}

fn of_model(column: &ColumnReport, per_class: &PerClassReport) -> Markup {
    let name = format!("{}: {}", column.name(), per_class.model);
    html! {
        h5 { (per_class.model) }
        (table(column, per_class, &name))
        @if let Some(confusion) = &per_class.confusion {
            @if confusion.classes() <= MANY { (matrix(column, confusion, &name)) } @else { (confused(column, confusion, &name)) }
        }
        (roc(column, per_class))
    }
}

fn table(column: &ColumnReport, per_class: &PerClassReport, name: &str) -> Markup {
    let value = |value: &Value| value.value().map_or(NOTHING.to_owned(), format::value);
    let row = |row: &ff_eval::ClassRow| {
        let area = per_class.areas.iter().find(|of| of.output == row.class);
        vec![
            column.class(row.class),
            format::count(row.support),
            format::count(row.predicted),
            value(&row.precision),
            value(&row.recall),
            value(&row.f1),
            area.map_or(NOTHING.to_owned(), |of| value(&of.value)),
        ]
    };
    let absent: Vec<String> =
        per_class.rows.iter().filter(|row| row.support == 0).map(|row| column.class(row.class)).collect();
    let head = ["Class", "Samples", "Predicted", "Precision", "Recall", "F1", "AUROC"];
    html! {
        (grid::long(name, 1, &head, per_class.rows.iter().map(row).collect()))
        @if !absent.is_empty() {
            p.note { "No test sample of: " (absent.join(", ")) ". Values that need one are undefined (" (NOTHING) "), not 0." }
        }
    }
}

fn matrix(column: &ColumnReport, confusion: &Confusion, name: &str) -> Markup {
    let (classes, support) = (confusion.classes(), confusion.support());
    let share = |row: usize, at: usize| 100.0 * confusion.count(row, at) as f64 / support[row].max(1) as f64;
    html! {
        div.wide tabindex="0" role="region" aria-label=(format!("{name}: confusion matrix")) {
            table.matrix {
                caption { "Confusion matrix: true classes in rows, predicted classes in columns; shaded by the fraction of the row" }
                thead { tr { th scope="col" { "true class" } @for at in 0..classes { th scope="col" { (column.class(at)) } } } }
                tbody { @for row in 0..classes {
                    tr {
                        th scope="row" { (column.class(row)) }
                        @for at in 0..classes {
                            td style=(format!("--share:{:.0}%", share(row, at))) class=[(row == at).then_some("hit")] {
                                (confusion.count(row, at))
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// The table of the most frequent confusions, for many classes.
fn confused(column: &ColumnReport, confusion: &Confusion, name: &str) -> Markup {
    let classes = confusion.classes();
    let mut pairs: Vec<(u64, usize, usize)> = (0..classes)
        .flat_map(|row| {
            (0..classes).filter(move |&at| at != row).map(move |at| (confusion.count(row, at), row, at))
        })
        .filter(|(count, ..)| *count > 0)
        .collect();
    pairs.sort_by_key(|&(count, row, at)| (std::cmp::Reverse(count), row, at));
    let rows = pairs
        .iter()
        .take(MANY)
        .map(|&(count, row, at)| vec![column.class(row), column.class(at), format::count(count)]);
    html! {
        h5 { "The " (MANY) " most frequent confusions" }
        (grid::plain(name, 2, &["True class", "Predicted class", "Samples"], rows.collect()))
    }
}

fn roc(column: &ColumnReport, per_class: &PerClassReport) -> Markup {
    let curves: Vec<Curve> = per_class
        .curves
        .iter()
        .filter(|curve| !curve.points.is_empty())
        .map(|curve| Curve {
            name: column.class(curve.output),
            spots: curve
                .points
                .iter()
                .map(|of| Spot::at(of.false_positive_rate, of.true_positive_rate))
                .collect(),
            kind: if per_class.curves.len() > MANY { CurveKind::Faint } else { CurveKind::Line },
        })
        .collect();
    if curves.is_empty() {
        return html! { p.note { "No ROC curve: no class has both positive and negative test samples." } };
    }
    let title = format!("{}: ROC of {}", column.name(), per_class.model);
    let labels = ["false positive rate", "true positive rate", "chance"];
    let plot = Curves { legend: curves.len() <= MANY, ..shares(title, labels, curves) };
    picture::curves(&plot, &format!("ROC curves of {}.", per_class.model))
}

/// Calibration: a table, and a reliability diagram of all models for classes, or of the first model
/// for tasks.
fn reliability(column: &ColumnReport) -> Markup {
    let of_tasks =
        column.per_class_reports.iter().any(|of| of.calibration.iter().any(|of| of.task.is_some()));
    let named = |per_class: &PerClassReport, task: Option<usize>| match task {
        Some(task) => column.class(task),
        None => per_class.model.clone(),
    };
    let drawn = if of_tasks { &column.per_class_reports[..1] } else { &column.per_class_reports[..] };
    let curves: Vec<Curve> = drawn
        .iter()
        .flat_map(|per_class| per_class.calibration.iter().map(move |of| (per_class, of)))
        .map(|(per_class, of)| reliability_curve(named(per_class, of.task), of))
        .collect();
    if curves.is_empty() {
        return html! {};
    }
    let rows = column.per_class_reports.iter().flat_map(|per_class| {
        per_class.calibration.iter().map(|of| {
            let task = of.task.map_or("all classes".to_owned(), |task| column.class(task));
            vec![
                per_class.model.clone(),
                task,
                format::value(of.ece),
                format::value(of.brier),
                format::count(of.samples),
            ]
        })
    });
    let rows = rows.collect();
    let models: Vec<&str> = drawn.iter().map(|per_class| per_class.model.as_str()).collect();
    let title = format!("{}: reliability of {}", column.name(), models.join(" and "));
    let labels = ["predicted probability", "observed frequency", "perfect calibration"];
    let plot = shares(title, labels, curves);
    html! {
        h5 { "Calibration" }
        p.note { "Expected calibration error (ECE, 10 bins) and Brier score: the lower, the better." }
        (grid::plain(&format!("{}: calibration", column.name()), 2, &["Model", "Class or task", "ECE", "Brier score", "Samples"], rows))
        (picture::curves(&plot, &format!("Reliability diagram of {}. Below the dashed line the model is overconfident.", models.join(" and "))))
    }
}

/// The curve of a reliability diagram: observed frequency over predicted probability.
pub(super) fn reliability_curve(name: String, of: &Calibration) -> Curve {
    let bins = of.bins.iter().filter(|bin| bin.samples > 0);
    let spots = bins.map(|bin| Spot { mark: true, ..Spot::at(bin.said, bin.found) }).collect();
    Curve { name, spots, kind: CurveKind::Line }
}

/// A plot of fractions over fractions, with the names of the axes and the diagonal.
pub(super) fn shares(title: String, [x, y, diagonal]: [&str; 3], curves: Vec<Curve>) -> Curves {
    Curves {
        title,
        x_label: x.to_owned(),
        y_label: y.to_owned(),
        x: Span::Unit,
        y: Span::Unit,
        curves,
        diagonal: Some(diagonal.to_owned()),
        height: 400,
        legend: true,
    }
}
