//! Comparison of soups and ensembles with the best single model, with intervals.

use ff_eval::{DeLong, Difference, Shown};
use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::data::{ColumnReport, Comparison, ExperimentReport};
use crate::report::grid;

/// The verdict that an interval of a difference allows.
pub(super) fn verdict(shown: Shown) -> &'static str {
    match shown {
        Shown::Higher => "better",
        Shown::Lower => "worse",
        Shown::Neither => "no difference shown",
    }
}

/// Formats a difference with its interval, such as "+0.0062 [−0.0104, 0.0229]".
pub(super) fn with_interval(difference: &Difference) -> String {
    let value = format::difference(difference.value);
    match &difference.interval {
        Some(interval) => format!("{value} {}", format::interval(interval)),
        None => format!("{value} (no interval)"),
    }
}

pub(super) fn section(experiment: &ExperimentReport) -> Option<Markup> {
    let all =
        || experiment.columns.iter().flat_map(|column| column.comparisons.iter().map(move |of| (column, of)));
    all().next()?;
    let rows = all().map(|(column, of)| row(column, of)).collect();
    let head = ["Dataset", "Scored on", "Method", "Single model", "Difference and interval", "Result"];
    let with_areas = all().filter(|(_, of)| !of.delong.is_empty());
    let intervals = all().filter(|(_, of)| of.difference.is_some_and(|of| of.interval.is_some())).count();
    Some(html! {
        p {
            "Each soup, and each ensemble, is compared with the single model of the best validation score, on the same \
             samples. The difference is its metric less that of the single model. The interval contains the middle 95 % of \
             paired bootstrap resamples of the samples, or of their groups (patients) where the dataset has groups. It does \
             not cover the variation between training runs. The result is \"better\" or \"worse\" only if \
             the interval excludes 0."
        }
        (grid::plain("Soups compared with the best single model", 6, &head, rows))
        @if intervals > 1 {
            p.note {
                "The " (intervals) " intervals are not corrected for multiple comparisons: without any true difference, \
                 about one in twenty would still exclude 0."
            }
        }
        @if with_areas.clone().next().is_some() {
            details {
                summary { "DeLong's test for each AUROC" }
                @for (column, of) in with_areas { (delong(column, of)) }
            }
        }
    })
}

fn row(column: &ColumnReport, of: &Comparison) -> Vec<String> {
    let (difference, verdict) = match &of.difference {
        _ if of.same => ("0".to_owned(), "the same weights"),
        Some(difference) => (with_interval(difference), verdict(difference.shown())),
        None => (NOTHING.to_owned(), "undefined"),
    };
    vec![
        format!("{} ({})", column.name(), column.metric.title()),
        of.ood.clone().unwrap_or_else(|| "test".to_owned()),
        of.method.clone(),
        of.single.clone(),
        difference,
        verdict.to_owned(),
    ]
}

fn delong(column: &ColumnReport, of: &Comparison) -> Markup {
    let on = of.ood.as_deref().unwrap_or("test");
    let name = format!("{}: {} compared with {} on {on}", column.name(), of.method, of.single);
    let rows = of.delong.iter().map(|output| {
        let mut row = vec![column.class(output.output)];
        row.extend(match &output.outcome {
            DeLong::Undefined(why) => {
                let none = NOTHING.to_owned();
                [none.clone(), none.clone(), why.clone(), none]
            }
            DeLong::Defined(of) => {
                let (low, high) = of.interval;
                let ends = format!("[{}, {}]", format::value(low), format::value(high));
                let p = of.p.map_or(NOTHING.to_owned(), |p| format!("{p:.3}"));
                let difference = format!("{} {ends}", format::difference(of.difference));
                [format::value(of.baseline), format::value(of.other), difference, p]
            }
        });
        row
    });
    html! {
        h5 { (name) }
        (grid::plain(&name, 1, &["Output", &of.single, &of.method, "Difference and interval", "p"], rows.collect()))
    }
}
