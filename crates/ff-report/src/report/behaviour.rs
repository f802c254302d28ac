//! Class by class: tables, confusion, ROC and reliability.

use ff_eval::{Confusion, Value};
use maud::{Markup, html};

use super::data::{Behaviour, ColumnReport, StudyReport};
use super::{grid, picture};
use crate::format::{self, NOTHING};
use crate::{Curve, Curves, Kind, Span, Spot};

/// More classes than this have no matrix and no plot of every curve: nobody could read them.
const MANY: usize = 20;

pub(super) fn section(study: &StudyReport) -> Option<Markup> {
    let with: Vec<&ColumnReport> =
        study.columns.iter().filter(|column| !column.behaviours.is_empty()).collect();
    let open = with.len() <= 2;
    with.first()?;
    Some(html! {
        p {
            "On the test split. Precision, recall and F1 take the class with the highest output, or for yes-or-no tasks a \
             probability above one half; no threshold was tuned. ECE over 10 bins of equal width; Brier score: lower is better."
        }
        @for column in with {
            details open[open] {
                summary { (column.name()) }
                div.plots.pair { @for behaviour in &column.behaviours { div { (of_model(column, behaviour)) } } }
                (reliability(column))
            }
        }
    })
}

fn of_model(column: &ColumnReport, behaviour: &Behaviour) -> Markup {
    let name = format!("{}: {}", column.name(), behaviour.model);
    html! {
        h4 { (behaviour.model) }
        (table(column, behaviour, &name))
        @if let Some(confusion) = &behaviour.confusion {
            @if confusion.classes() <= MANY { (matrix(column, confusion, &name)) } @else { (confused(column, confusion, &name)) }
        }
        (roc(column, behaviour))
    }
}

fn table(column: &ColumnReport, behaviour: &Behaviour, name: &str) -> Markup {
    let value = |value: &Value| value.value().map_or(NOTHING.to_owned(), format::value);
    let row = |row: &ff_eval::ClassRow| {
        let area = behaviour.areas.iter().find(|of| of.output == row.class);
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
        behaviour.rows.iter().filter(|row| row.support == 0).map(|row| column.class(row.class)).collect();
    let head = ["Class", "Samples", "Predicted", "Precision", "Recall", "F1", "AUROC"];
    html! {
        (grid::plain(name, 1, &head, behaviour.rows.iter().map(row).collect()))
        @if !absent.is_empty() {
            p.note { "No test sample of: " (absent.join(", ")) ". What needs one is undefined (" (NOTHING) "), not 0." }
        }
    }
}

fn matrix(column: &ColumnReport, confusion: &Confusion, name: &str) -> Markup {
    let (classes, support) = (confusion.classes(), confusion.support());
    let share = |row: usize, at: usize| 100.0 * confusion.count(row, at) as f64 / support[row].max(1) as f64;
    html! {
        div.wide tabindex="0" role="region" aria-label=(format!("{name}: confusion matrix")) {
            table.matrix {
                caption { "Confusion: truth down, prediction across; the shade is the share of the row" }
                thead { tr { th scope="col" { "truth" } @for at in 0..classes { th scope="col" { (column.class(at)) } } } }
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

/// The confusions that happen most.
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
        (grid::plain(name, 2, &["Truth", "Taken for", "Samples"], rows.collect()))
    }
}

fn roc(column: &ColumnReport, behaviour: &Behaviour) -> Markup {
    let curves: Vec<Curve> = behaviour
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
            kind: if behaviour.curves.len() > MANY { Kind::Faint } else { Kind::Line },
        })
        .collect();
    if curves.is_empty() {
        return html! { p.note { "No ROC curve: no class has both positive and negative test samples." } };
    }
    let plot = Curves {
        title: format!("{}: ROC of {}", column.name(), behaviour.model),
        x_label: "false positive rate".to_owned(),
        y_label: "true positive rate".to_owned(),
        x: Span::Unit,
        y: Span::Unit,
        legend: curves.len() <= MANY,
        curves,
        diagonal: Some("chance".to_owned()),
        height: 400,
    };
    picture::curves(&plot, &format!("ROC curves of {}.", behaviour.model))
}

/// Of classes, a diagram of all models; of tasks, a table, and the diagram of the first model.
fn reliability(column: &ColumnReport) -> Markup {
    let of_tasks = column.behaviours.iter().any(|of| of.calibration.iter().any(|of| of.task.is_some()));
    let named = |behaviour: &Behaviour, task: Option<usize>| match task {
        Some(task) => column.class(task),
        None => behaviour.model.clone(),
    };
    let drawn = if of_tasks { &column.behaviours[..1] } else { &column.behaviours[..] };
    let curves: Vec<Curve> = drawn
        .iter()
        .flat_map(|behaviour| behaviour.calibration.iter().map(move |of| (behaviour, of)))
        .map(|(behaviour, of)| Curve {
            name: named(behaviour, of.task),
            spots: of
                .bins
                .iter()
                .filter(|bin| bin.samples > 0)
                .map(|bin| Spot { mark: true, ..Spot::at(bin.said, bin.found) })
                .collect(),
            kind: Kind::Line,
        })
        .collect();
    if curves.is_empty() {
        return html! {};
    }
    let rows = column.behaviours.iter().flat_map(|behaviour| {
        behaviour.calibration.iter().map(|of| {
            let task = of.task.map_or("all classes".to_owned(), |task| column.class(task));
            vec![
                behaviour.model.clone(),
                task,
                format::value(of.ece),
                format::value(of.brier),
                format::count(of.samples),
            ]
        })
    });
    let rows = rows.collect();
    let models: Vec<&str> = drawn.iter().map(|behaviour| behaviour.model.as_str()).collect();
    let plot = Curves {
        title: format!("{}: reliability of {}", column.name(), models.join(" and ")),
        x_label: "probability that the model gives".to_owned(),
        y_label: "share that is so".to_owned(),
        x: Span::Unit,
        y: Span::Unit,
        curves,
        diagonal: Some("as it says".to_owned()),
        height: 400,
        legend: true,
    };
    html! {
        h4 { "Calibration" }
        (grid::plain(&format!("{}: calibration", column.name()), 2, &["Model", "Of", "ECE", "Brier score", "Samples"], rows))
        (picture::curves(&plot, &format!("Reliability of {}: below the dashed line the model is surer than it should be.", models.join(" and "))))
    }
}
