//! The summary of an experiment.

use ff_eval::Shown;
use itertools::Itertools;
use maud::{Markup, html};

use crate::cost::Cost;
use crate::format::{self, NOTHING};
use crate::report::comparison::{verdict, with_interval};
use crate::report::data::{ColumnReport, Comparison, ExperimentReport, ExperimentTable};
use crate::report::{grid, seeds};
use crate::table::Table;

/// The summary of one experiment.
pub(super) fn of_experiment(experiment: &ExperimentReport) -> Markup {
    let (done, jobs) =
        experiment.progress.iter().fold((0, 0), |(done, jobs), of| (done + of.done, jobs + of.jobs));
    html! {
        @if done < jobs {
            p.warning { "Not finished: " (done) " of " (jobs) " jobs are done. The results below are preliminary." }
        }
        @for why in &experiment.missing { p.warning { "Missing: " (why) } }
        @match &experiment.table {
            ExperimentTable::Soups(table) => (of_soups(experiment, table)),
            ExperimentTable::Seeds(table) => (seeds::summary(table)),
        }
    }
}

fn on_test<'a>(column: &'a ColumnReport, method: &str) -> Option<&'a Comparison> {
    column.comparisons.iter().find(|of| of.ood.is_none() && of.method == method)
}

fn of_soups(experiment: &ExperimentReport, table: &Table) -> Markup {
    let delivered: Vec<(&ColumnReport, &Comparison)> = experiment
        .columns
        .iter()
        .filter_map(|column| Some((column, on_test(column, column.delivered.as_deref()?)?)))
        .collect();
    let count = |shown: Shown| {
        delivered
            .iter()
            .filter(|(_, of)| !of.same && of.difference.is_some_and(|of| of.shown() == shown))
            .count()
    };
    let same = delivered.iter().filter(|(_, of)| of.same).count();
    let rows: Vec<Vec<String>> = experiment.columns.iter().map(|column| row(column, table)).collect();
    let head = [
        "Dataset",
        "Recommended model",
        "Soup and single model compared",
        "Verdict",
        "Difference and interval",
        "Test score of the recommended model",
    ];
    html! {
        @match delivered.as_slice() {
            [] => p { "No soup can be compared with a single model on test images yet." },
            [(column, of)] => p { (one(column, of)) },
            many if many.len() == same => p {
                "In all " (same) " columns the best soup consists of one model, the best single model."
            },
            many => p {
                "Of " (many.len()) " columns, the soup is better than the best single model in " (count(Shown::Higher))
                ", worse in " (count(Shown::Lower)) ", and no difference is shown in " (count(Shown::Neither)) "."
                @if same > 0 { " In " (same) " the soup consists of that single model." }
            },
        }
        (grid::plain("Recommended models", 6, &head, rows))
        p.note {
            "The recommended model is the soup or single model with the best validation score; test images are not used to \
             choose it. The soup compared is that with the best validation score among the soups."
        }
        p { (cost(table)) }
        @for said in experiment.columns.iter().flat_map(|column| &column.ensembles).unique().map(ensemble) {
            p { (said) }
        }
        (gains(experiment, table))
    }
}

/// The sentences about an ensemble of a number of models.
fn ensemble((name, models): &(String, usize)) -> String {
    format!(
        "{name} is the mean of the probabilities of {models} models, which a soup approximates with one. It is shown for \
         comparison and is never the recommended model: every image takes {models} forward passes."
    )
}

/// The table of each row's cost, and of the numbers of columns in which it is better or worse than
/// the best single model.
fn gains(experiment: &ExperimentReport, table: &Table) -> Markup {
    let row = |row: &crate::table::Row| {
        let found: Vec<&Comparison> =
            experiment.columns.iter().filter_map(|column| on_test(column, &row.method)).collect();
        let count = |shown: Shown| {
            let of = |of: &&&Comparison| of.difference.is_some_and(|of| of.shown() == shown);
            if found.is_empty() { NOTHING.to_owned() } else { found.iter().filter(of).count().to_string() }
        };
        vec![
            row.method.clone(),
            format::count(row.cost.training_epochs),
            format::count(row.cost.validation_passes),
            row.cost.wall_seconds.map_or(NOTHING.to_owned(), format::seconds),
            count(Shown::Higher),
            count(Shown::Neither),
            count(Shown::Lower),
        ]
    };
    let head = [
        "Method",
        "Training epochs",
        "Validation passes",
        "Time",
        "Better in",
        "No difference shown in",
        "Worse in",
    ];
    let rows = table.rows().iter().map(row).collect();
    html! {
        h4 { "Cost and gain" }
        (grid::plain("Cost and gain", 1, &head, rows))
        p.note {
            "The last three columns are numbers of columns of the table, by the row's verdict against the best single model on \
             test images."
        }
    }
}

fn row(column: &ColumnReport, table: &Table) -> Vec<String> {
    let name = format!("{} ({})", column.name(), column.metric.title());
    let place =
        table.columns().iter().position(|of| of.backbone == column.backbone && of.dataset == column.dataset);
    let test = column.best.as_deref().zip(place).and_then(|(best, at)| {
        format::score(table.rows().iter().find(|row| row.method == best)?.cells[at].test.as_ref()?)
    });
    let compared = column.delivered.as_deref().and_then(|soup| on_test(column, soup));
    let (pair, said, difference) = match compared {
        None => (NOTHING.to_owned(), column.missing.first().map_or("not compared yet", String::as_str), None),
        Some(of) => {
            let pair = format!("{} and {}", of.method, of.single);
            match &of.difference {
                _ if of.same => (pair, "the same model", None),
                None => (pair, "undefined", None),
                Some(difference) => (pair, verdict(difference.shown()), Some(with_interval(difference))),
            }
        }
    };
    let text = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    vec![name, text(column.best.clone()), pair, said.to_owned(), text(difference), text(test)]
}

/// The sentences about a table with one column.
fn one(column: &ColumnReport, of: &Comparison) -> String {
    let take = match &column.best {
        Some(best) => {
            format!("The recommended model is {best}, with the best validation {}. ", column.metric.title())
        }
        None => String::new(),
    };
    if of.same {
        return format!("{take}The best soup, {}, consists of one model, {}.", of.method, of.single);
    }
    let Some(difference) = &of.difference else {
        return format!(
            "{take}{} cannot be compared with {} on test images: the metric is undefined.",
            of.method, of.single
        );
    };
    let (soup, single, change) = (&of.method, &of.single, with_interval(difference));
    let said = match difference.shown() {
        shown @ (Shown::Higher | Shown::Lower) => {
            let verdict = verdict(shown);
            format!("On test images {soup} is {verdict} than the best single model, {single}: {change}.")
        }
        Shown::Neither => format!(
            "On test images no difference between {soup} and the best single model, {single}, is shown: {change}."
        ),
    };
    format!("{take}{said}")
}

/// The sentences about the most and the least expensive row.
fn cost(table: &Table) -> String {
    let rows = table.rows().iter().filter(|row| row.cost != Cost::default());
    let dearest = rows.clone().max_by_key(|row| row.cost.training_epochs);
    let cheapest = rows.clone().min_by_key(|row| row.cost.training_epochs);
    let (Some(dearest), Some(cheapest)) = (dearest, cheapest) else {
        return "No model has been trained yet.".to_owned();
    };
    let (most, least) = (dearest.cost.training_epochs, cheapest.cost.training_epochs);
    let epochs = match most == least {
        true => format!("Every row takes {} epochs of training", format::count(most)),
        false => format!(
            "Training takes {} epochs for {} and {} for {} ({:.0} %)",
            format::count(most),
            dearest.method,
            format::count(least),
            cheapest.method,
            100.0 * least as f64 / most.max(1) as f64
        ),
    };
    let time = |row: &crate::table::Row| {
        row.cost.wall_seconds.map(format::seconds).unwrap_or_else(|| "unknown time".to_owned())
    };
    format!(
        "{epochs}, over all columns, in a wall-clock time of {} and {}. A soup is a single model, so inference costs the same.",
        time(dearest),
        time(cheapest)
    )
}
