//! The delivered soup in use: calibration, thresholds, decision curves and subgroups.

use ff_eval::{Estimate, Note, OperatingPoint, OperatingScore, Shown, Subgroup, Subgroups, Value};
use maud::{Markup, html};

use crate::figure::{Curve, CurveKind, Curves, Span, Spot};
use crate::format::{self, NOTHING};
use crate::report::data::{ColumnReport, InUse};
use crate::report::per_class::{reliability_curve, shares};
use crate::report::{grid, picture};

const INTRODUCTION: &str = "The delivered soup on the test split, with calibration and thresholds as the configuration fits them to \
                            validation images. Expected calibration error (ECE, 10 bins) and Brier \
                            score: the lower, the better.";

/// The most decision curves that are drawn.
const MOST_CURVES: usize = 4;

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let in_use = column.in_use.as_ref()?;
    Some(html! {
        p { (INTRODUCTION) }
        @for note in &in_use.notes { p.note { (note) } }
        (points(column, in_use))
        (subgroups(column, in_use))
        (calibration(column, in_use))
        (decision_curves(column, in_use))
    })
}

/// A value with its interval.
fn shown(of: &Estimate) -> String {
    match (&of.value, of.interval) {
        (Value::Defined(value), Some(ends)) => {
            format!("{} {}", format::value(*value), format::interval(&ends))
        }
        (Value::Defined(value), None) => format::value(*value),
        (Value::Undefined(_), _) => NOTHING.to_owned(),
    }
}

fn points(column: &ColumnReport, in_use: &InUse) -> Markup {
    if in_use.points.is_empty() {
        return html! {};
    }
    let row = |(point, score): &(OperatingPoint, OperatingScore)| {
        vec![
            column.class(point.output),
            point.rule.to_string(),
            format::value(point.threshold),
            shown(&score.sensitivity),
            shown(&score.specificity),
            shown(&score.ppv),
            shown(&score.npv),
        ]
    };
    let rows = in_use.points.iter().map(row).collect();
    let head = ["Positive", "Chosen by", "From", "Sensitivity", "Specificity", "PPV", "NPV"];
    let prevalence = in_use.points.iter().find_map(|(_, score)| score.prevalence);
    let notes = in_use.points.iter().flat_map(|(_, score)| &score.notes);
    html! {
        h5 { "Operating points" }
        (grid::plain(&format!("{}: operating points", column.name()), 2, &head, rows))
        p.note {
            "PPV and NPV are " @match prevalence {
                Some(share) => { "at a prevalence of " (share) },
                None => "at the prevalence of the test split",
            } "."
        }
        @for note in notes { p.note { (note.describe(&column.classes)) } }
    }
}

fn subgroups(column: &ColumnReport, in_use: &InUse) -> Markup {
    let row = |of: &Subgroups, row: &Subgroup, at_point: Option<&OperatingScore>| {
        let score = row.scores.first()?;
        let said = score.difference.map_or("not compared".to_owned(), |difference| {
            let interval =
                difference.interval.map_or(String::new(), |ends| format!(" {}", format::interval(&ends)));
            let shown = match difference.shown() {
                Shown::Higher => ": higher",
                Shown::Lower => ": lower",
                Shown::Neither => "",
            };
            format!("{}{interval}{shown}", format::difference(difference.value))
        });
        let estimate = Estimate { value: score.score.value.clone(), interval: score.score.interval };
        let groups = row.groups.map_or(NOTHING.to_owned(), |groups| format::count(groups as u64));
        let samples = format::count(row.samples as u64);
        let mut cells = vec![of.column.clone(), row.value.clone(), samples, groups, shown(&estimate), said];
        cells.extend(at_point.into_iter().flat_map(|of| [shown(&of.sensitivity), shown(&of.specificity)]));
        Some(cells)
    };
    let mut rows = Vec::new();
    for (at, of) in in_use.subgroups.iter().enumerate() {
        let points = in_use.points_by_value.get(at);
        let cells = |(nth, one): (usize, &Subgroup)| row(of, one, points.and_then(|points| points.get(nth)));
        rows.extend(of.rows.iter().enumerate().filter_map(cells));
    }
    if rows.is_empty() {
        return html! {};
    }
    let mut head = vec!["By", "Value", "Images", "Patients", column.metric.title(), "Less all others"];
    if !in_use.points_by_value.is_empty() {
        head.extend(["Sensitivity", "Specificity"]);
    }
    let lowest = in_use.subgroups.iter().filter_map(|of| {
        let (row, score) = of.lowest(column.metric)?;
        let value = score.score.value.value()?;
        let sure = score.difference.is_some_and(|difference| difference.shown() == Shown::Lower);
        let said = if sure { "lower than the others" } else { "a difference to the others is not shown" };
        Some(format!("By {}, the lowest is {} ({}): {said}.", of.column, row.value, format::value(value)))
    });
    let lowest: Vec<String> = lowest.collect();
    let of_points = in_use.subgroups.iter().zip(&in_use.points_by_value).flat_map(|(of, scores)| {
        of.rows.iter().zip(scores).flat_map(move |(row, score)| {
            let said = move |note: &Note| {
                format!("{} {}: {}.", of.column, row.value, note.describe(&column.classes))
            };
            score.notes.iter().filter(|note| !matches!(note, Note::FewGroups { .. })).map(said)
        })
    });
    let reasons = in_use.subgroups.iter().flat_map(|of| {
        of.rows.iter().filter_map(move |row| {
            let score = row.scores.first().filter(|score| score.difference.is_none())?;
            let why = match (&score.score.value, score.score.notes.last()) {
                (Value::Undefined(why), _) => why.clone(),
                (_, note) => note?.describe(&column.classes),
            };
            Some(format!("{} {}: {why}.", of.column, row.value))
        })
    });
    html! {
        h5 { "Subgroups" }
        @for said in &lowest { p { (said) } }
        (grid::plain(&format!("{}: subgroups", column.name()), 2, &head, rows))
        p.note {
            "A difference is shown where its interval does not hold 0: it is then called higher or lower. Intervals of "
            "differences allow for the number of comparisons in a column (Bonferroni)."
        }
        @for why in reasons { p.note { (why) } }
        @for note in of_points { p.note { (note) } }
    }
}

fn calibration(column: &ColumnReport, in_use: &InUse) -> Markup {
    let [before, after] = &in_use.calibration;
    let row = |(before, after): (&ff_eval::CalibrationScore, &ff_eval::CalibrationScore)| {
        let task = before.task.map_or("all classes".to_owned(), |task| column.class(task));
        vec![task, shown(&before.ece), shown(&after.ece), shown(&before.brier), shown(&after.brier)]
    };
    let rows: Vec<_> = before.iter().zip(after).map(row).collect();
    if rows.is_empty() {
        return html! {};
    }
    let head = ["Class or task", "ECE as trained", "ECE calibrated", "Brier as trained", "Brier calibrated"];
    let of_tasks = before.iter().any(|of| of.task.is_some());
    let named = |of: &ff_eval::Calibration, calibrated: bool| match of.task {
        Some(task) => column.class(task),
        None => if calibrated { "calibrated" } else { "as trained" }.to_owned(),
    };
    let [diagrams, calibrated] = &in_use.diagrams;
    let drawn = diagrams.iter().filter(|_| !of_tasks).map(|of| (of, false));
    let curves = drawn
        .chain(calibrated.iter().map(|of| (of, true)))
        .map(|(of, calibrated)| reliability_curve(named(of, calibrated), of));
    let title = format!("{}: reliability of {}", column.name(), in_use.model);
    let labels = ["predicted probability", "observed frequency", "perfect calibration"];
    let plot = shares(title, labels, curves.collect());
    html! {
        h5 { "Calibration" }
        (grid::plain(&format!("{}: calibration", column.name()), 1, &head, rows))
        div.plots {
            (picture::curves(&plot, if of_tasks {
                "Reliability diagram, calibrated. Below the dashed line the model is overconfident."
            } else {
                "Reliability diagram. Below the dashed line the model is overconfident."
            }))
        }
    }
}

fn decision_curves(column: &ColumnReport, in_use: &InUse) -> Markup {
    let plot = |of: &ff_eval::DecisionCurve| {
        let line = |name: &str, value: &dyn Fn(&ff_eval::DecisionPoint) -> Option<f64>| Curve {
            name: name.to_owned(),
            spots: of.points.iter().filter_map(|at| Some(Spot::at(at.threshold, value(at)?))).collect(),
            kind: CurveKind::Line,
        };
        let prevalence = of.positives as f64 / (of.positives + of.negatives) as f64;
        // Treating all costs more and more: below this, its curve says nothing.
        let visible = |value: f64| (value > -0.3 * prevalence).then_some(value);
        Curves {
            title: format!(
                "{}: net benefit of {} for {}",
                column.name(),
                in_use.model,
                column.class(of.output)
            ),
            x_label: "threshold probability".to_owned(),
            y_label: "net benefit".to_owned(),
            x: Span::Unit,
            y: Span::Data,
            curves: vec![
                line("by the model", &|at| visible(at.model.value.value()?)),
                line("treat all", &|at| visible(at.treat_all)),
                line("treat none", &|_| Some(0.0)),
            ],
            diagonal: None,
            height: 300,
            legend: true,
        }
    };
    let more = in_use.curves.len().saturating_sub(MOST_CURVES);
    html! {
        @if more > 0 { p.note { "The decision curves of " (more) " more tasks are left out." } }
        div.plots {
            @for of in in_use.curves.iter().take(MOST_CURVES) {
                @let said = "Decisions by the model are of use where its line is the highest. At the prevalence of the test split.";
                (picture::curves(&plot(of), &format!("Decision curve for {}. {said}", column.class(of.output))))
            }
        }
    }
}
