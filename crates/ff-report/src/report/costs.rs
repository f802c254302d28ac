//! The cost of each row, and in how many data sets with a network it is better or worse.

use ff_eval::Shown;
use maud::{Markup, html};

use crate::cost::Cost;
use crate::format::{self, NOTHING};
use crate::report::advice::Advice;
use crate::report::data::{ExperimentReport, ExperimentTable};
use crate::report::grid;
use crate::report::terms::Terms;

pub(super) fn section(experiment: &ExperimentReport, advice: &[&Advice<'_>], terms: &mut Terms) -> Markup {
    let rows = rows(experiment);
    let fitted = rows.iter().any(|(_, cost)| cost.cross_fitting_images > 0);
    let many = advice.len() > 1;
    let sets: Vec<bool> = [false, true]
        .into_iter()
        .filter(|&shifted| {
            many && advice.iter().any(|of| of.sets.iter().any(|set| set.is_shifted() == shifted))
        })
        .collect();
    let mut head =
        vec!["Method", "Training epochs", "Training images", "Validation passes", "Validation images"];
    head.extend(fitted.then_some("of these, to cross-fit"));
    head.push("Time");
    head.extend(
        sets.iter().map(|shifted| if *shifted { "Shifted: better, worse" } else { "Test: better, worse" }),
    );
    let row = |(name, cost): &(&str, Cost)| {
        let Cost { training_epochs, training_images, validation_passes, validation_images, .. } = *cost;
        let mut counts = vec![training_epochs, training_images, validation_passes, validation_images];
        counts.extend(fitted.then_some(cost.cross_fitting_images));
        let counts = counts.into_iter().map(format::count);
        let time = cost.wall_seconds.map_or(NOTHING.to_owned(), format::seconds);
        let shown = sets.iter().map(|shifted| shown(advice, name, *shifted));
        [(*name).to_owned()].into_iter().chain(counts).chain([time]).chain(shown).collect()
    };
    html! {
        h4 { "Cost" }
        (terms.note(rows.iter().map(|(name, _)| *name)).unwrap_or_default())
        (grid::plain("Cost", 1, &head, rows.iter().map(row).collect()))
        p.note {
            "Sums over the whole table, each method as if run alone: shared work counts for every method. Validation \
             images include training images that BatchNorm and merge methods need statistics of."
            @if many {
                " Better and worse: the numbers of data sets with a network in which the interval of the difference \
                 from " (advice[0].baseline_is) " excludes 0."
            }
        }
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
