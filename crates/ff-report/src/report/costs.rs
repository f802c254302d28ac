//! The cost of each row, and in how many data sets with a network it is better or worse.

use ff_eval::Shown;
use maud::{Markup, html};

use crate::cost::{self, Cost};
use crate::format::{self, NOTHING};
use crate::report::advice::Advice;
use crate::report::data::{ExperimentReport, ExperimentTable};
use crate::report::grid;
use crate::report::terms::Terms;
use crate::section::Field;

pub(super) fn section(experiment: &ExperimentReport, advice: &[&Advice<'_>], terms: &mut Terms) -> Markup {
    let rows = rows(experiment);
    let many = advice.len() > 1;
    let is_scored =
        |shifted: bool| advice.iter().any(|of| of.sets.iter().any(|set| set.is_shifted() == shifted));
    let mut section = cost::section(rows.iter().copied(), "the whole table").remark(
        "Validation images include training images that BatchNorm and merge methods need statistics of.",
    );
    for shifted in [false, true].into_iter().filter(|&shifted| many && is_scored(shifted)) {
        let head = if shifted { "Shifted: better, worse" } else { "Test: better, worse" };
        section.head.push(head.to_owned());
        for (fields, (name, _)) in section.rows.iter_mut().zip(&rows) {
            fields.push(Field::from(shown(advice, name, shifted)));
        }
    }
    let counted = many.then(|| {
        format!(
            "Better and worse: the numbers of data sets with a network in which the interval of the difference \
             from {} excludes 0.",
            advice[0].baseline_is
        )
    });
    html! {
        h4 { "Cost" }
        (terms.note(rows.iter().map(|(name, _)| *name)).unwrap_or_default())
        (grid::grid(&section.remarks(counted)))
    }
}

/// The costs of the rows of a table.
fn rows(experiment: &ExperimentReport) -> Vec<(&str, Cost)> {
    match &experiment.table {
        ExperimentTable::Soups(of) => of.rows().iter().map(|row| (row.method.as_str(), row.cost)).collect(),
        ExperimentTable::Seeds(of) => of.rows().iter().map(|row| (row.method.as_str(), row.cost)).collect(),
    }
}

/// In how many data sets with a network a row is better and worse than the baseline.
fn shown(advice: &[&Advice<'_>], row: &str, shifted: bool) -> String {
    let of = |advice: &&Advice<'_>| {
        let dots = advice.dots.iter().find(|(name, _)| name == row);
        let dots = advice.sets.iter().zip(dots.map_or(&[][..], |(_, dots)| dots));
        let dots = dots.filter(|(set, _)| set.is_shifted() == shifted);
        dots.filter_map(|(_, dot)| Some(dot.as_ref()?.shown)).collect::<Vec<_>>()
    };
    let found: Vec<Shown> = advice.iter().flat_map(of).collect();
    let count = |wanted: Shown| found.iter().filter(|of| **of == wanted).count();
    match found.len() {
        0 => NOTHING.to_owned(),
        all => format!("{}, {} of {all}", count(Shown::Higher), count(Shown::Lower)),
    }
}

/// What the model to take costs and its baseline; of several, what the least and the most expensive rows cost.
pub(super) fn sentence(experiment: &ExperimentReport, advice: &[&Advice<'_>]) -> String {
    let rows = rows(experiment);
    let is_known = |cost: &Cost| cost.training_epochs > 0 || cost.wall_seconds.is_some_and(|of| of > 0.0);
    let known = || rows.iter().filter(|(_, cost)| is_known(cost));
    let price = |(_, cost): &&(&str, Cost)| {
        (cost.training_epochs, cost.wall_seconds.map_or(0, |of| (of * 1e3) as u64))
    };
    let (Some(most), Some(least)) = (known().max_by_key(price), known().min_by_key(price)) else {
        return "No model has been trained yet.".to_owned();
    };
    let one = match advice {
        [only] => Some([&only.take, &only.baseline]),
        _ => None,
    };
    let named = |name: &Option<String>| known().find(|(row, _)| Some(*row) == name.as_deref());
    let [first, second] = match one {
        Some([take, baseline]) => [named(take).unwrap_or(most), named(baseline).unwrap_or(least)],
        None => [most, least],
    };
    let said = |(name, cost): &(&str, Cost)| {
        let time = cost.wall_seconds.map_or(String::new(), |of| format!(" in {}", format::seconds(of)));
        format!("{name} takes {} epochs of training{time}", format::count(cost.training_epochs))
    };
    let second = if first.0 == second.0 { String::new() } else { format!("; {}", said(second)) };
    let soups = matches!(experiment.table, ExperimentTable::Soups(_));
    let same = if soups { " A soup is a single model, so a prediction costs the same." } else { "" };
    format!("{}{second}.{same}", said(first))
}
