//! The summary of an experiment.

use ff_eval::Shown;
use itertools::Itertools;
use maud::{Markup, html};

use crate::cost::Cost;
use crate::format::{self, NOTHING};
use crate::report::comparison::{self, with_interval};
use crate::report::data::{ColumnReport, Comparison, ExperimentReport, ExperimentTable};
use crate::report::{grid, seeds};
use crate::table::{Cell, Row, Table};
use crate::verdict::{CROSS_FITTED, ColumnVerdict};

const UNTESTED: &str = "No soup can be compared with a single model on test images yet.";

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

/// The index of a column of the report in the table.
fn place(column: &ColumnReport, table: &Table) -> Option<usize> {
    table.columns().iter().position(|of| of.backbone == column.backbone && of.dataset == column.dataset)
}

fn verdict<'a>(column: &ColumnReport, table: &'a Table) -> Option<&'a ColumnVerdict> {
    table.columns()[place(column, table)?].verdict.as_ref()
}

/// The comparison on test images of the verdict's soup, or else of the delivered one.
fn compared<'a>(column: &'a ColumnReport, table: &Table) -> Option<&'a Comparison> {
    let judged = verdict(column, table).and_then(|verdict| on_test(column, &verdict.soup));
    judged.or_else(|| on_test(column, column.delivered.as_deref()?))
}

/// The cell of the recommended model.
fn recommended<'a>(column: &ColumnReport, table: &'a Table) -> Option<&'a Cell> {
    let row = table.rows().iter().find(|row| Some(&row.method) == column.best.as_ref())?;
    row.cells.get(place(column, table)?)
}

fn of_soups(experiment: &ExperimentReport, table: &Table) -> Markup {
    html! {
        @match experiment.columns.as_slice() {
            [column] => (one(column, table)),
            columns => (many(columns, table)),
        }
        p { (cost(table)) }
        @for said in experiment.columns.iter().flat_map(|column| &column.ensembles).unique().map(ensemble) {
            p { (said) }
        }
        (gains(experiment, table))
    }
}

/// The sentences about the only column: what validation says, then what test images say.
fn one(column: &ColumnReport, table: &Table) -> Markup {
    let verdict = verdict(column, table);
    let comparison = match compared(column, table) {
        Some(of) if of.same && verdict.is_some_and(|verdict| verdict.same) => None, // the verdict says so
        Some(of) => Some(tested(of)),
        None => Some(UNTESTED.to_owned()),
    };
    let best = column.best.as_ref().zip(test_score(column, table));
    let best = best.map(|(best, score)| format!("The test score of {best} is {score}."));
    html! {
        @if let Some(said) = place(column, table).and_then(|at| table.columns()[at].said()) { p { (said) } }
        @if let Some(said) = recommendation(column, table) { p { (said) } }
        p { ([comparison, best].into_iter().flatten().join(" ")) }
        @if verdict.is_some() { p.note { (CROSS_FITTED) } }
    }
}

/// Names the recommended model, unless the verdict does.
fn recommendation(column: &ColumnReport, table: &Table) -> Option<String> {
    let best =
        column.best.as_ref().filter(|_| !verdict(column, table).is_some_and(ColumnVerdict::decides))?;
    let fitted = recommended(column, table).is_some_and(|cell| cell.cross_fitted.is_some());
    let fitted = if fitted { "cross-fitted " } else { "" };
    Some(format!(
        "The recommended model is {best}, with the best {fitted}{} on validation images.",
        column.metric.title()
    ))
}

/// The sentences about several columns, and their table.
fn many(columns: &[ColumnReport], table: &Table) -> Markup {
    let verdicts: Vec<_> = columns.iter().filter_map(|column| verdict(column, table)).collect();
    let compared: Vec<_> = columns.iter().filter_map(|column| compared(column, table)).collect();
    let judged = !verdicts.is_empty();
    let mut head = vec!["Dataset"];
    head.extend(judged.then_some("Verdict, from validation alone"));
    head.extend(["Recommended model", "Soup and single model compared", "On test images"]);
    head.extend(["Difference and interval", "Test score of the recommended model"]);
    let rows = columns.iter().map(|column| row(column, table, judged)).collect();
    html! {
        @if judged { p { (by_validation(&verdicts)) } }
        p { (by_test(&compared)) }
        (grid::plain("Recommended models", head.len(), &head, rows))
        p.note {
            "The recommended model is the soup or single model with the best cross-fitted score on \
             validation images, or with the best validation score where none is cross-fitted; of equal \
             scores, the single model. Test images are not used to choose it. The soup compared on test \
             images is that of the verdict, or else the delivered one, the best of the soups on validation \
             images."
        }
        @if judged {
            details {
                summary { "The verdicts in full" }
                (grid::grid(&table.verdicts()))
            }
        }
    }
}

/// Counts what the verdicts say.
fn by_validation(verdicts: &[&ColumnVerdict]) -> String {
    let (same, others): (Vec<&ColumnVerdict>, Vec<_>) = verdicts.iter().copied().partition(|of| of.same);
    let count = |shown: Shown| others.iter().filter(|verdict| verdict.of.shown() == shown).count();
    let same = match same.len() {
        0 => String::new(),
        same => format!(" In {same} the soup is that single model."),
    };
    format!(
        "From validation alone, take the soup in {} of {} columns and the single model in {}; in {} they \
         cannot be told apart.{same}",
        count(Shown::Higher),
        verdicts.len(),
        count(Shown::Lower),
        count(Shown::Neither)
    )
}

/// Counts what test images say of soups and the best single models.
fn by_test(compared: &[&Comparison]) -> String {
    let same = compared.iter().filter(|of| of.same).count();
    let count = |shown: Shown| {
        let of = |of: &&&Comparison| !of.same && of.difference.is_some_and(|of| of.shown() == shown);
        compared.iter().filter(of).count()
    };
    match compared.len() {
        0 => UNTESTED.to_owned(),
        many if many == same => {
            format!("In all {same} columns the best soup consists of one model, the best single model.")
        }
        many => {
            let same = match same {
                0 => String::new(),
                same => format!(" In {same} the soup consists of that single model."),
            };
            format!(
                "On test images the soup is better than the best single model in {} of {many} columns, worse \
                 in {}, and no difference is shown in {}.{same}",
                count(Shown::Higher),
                count(Shown::Lower),
                count(Shown::Neither)
            )
        }
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
    let row = |row: &Row| {
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
            "The last three columns are numbers of columns of the table, by what test images show against \
             the best single model."
        }
    }
}

/// The test score of the recommended model, with its interval.
fn test_score(column: &ColumnReport, table: &Table) -> Option<String> {
    format::score(recommended(column, table)?.test.as_ref()?)
}

fn row(column: &ColumnReport, table: &Table, judged: bool) -> Vec<String> {
    let name = format!("{} ({})", column.name(), column.metric.title());
    let (pair, said, difference) = match compared(column, table) {
        None => (NOTHING.to_owned(), column.missing.first().map_or("not compared yet", String::as_str), None),
        Some(of) => {
            let pair = format!("{} and {}", of.method, of.single);
            match &of.difference {
                _ if of.same => (pair, "the same model", None),
                None => (pair, "undefined", None),
                Some(difference) => {
                    (pair, comparison::verdict(difference.shown()), Some(with_interval(difference)))
                }
            }
        }
    };
    let text = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let mut row = vec![name];
    row.extend(judged.then(|| text(verdict(column, table).map(ColumnVerdict::short))));
    row.extend([text(column.best.clone()), pair, said.to_owned(), text(difference)]);
    row.push(text(test_score(column, table)));
    row
}

/// What test images say of a soup and the best single model.
fn tested(of: &Comparison) -> String {
    let (soup, single) = (&of.method, &of.single);
    if of.same {
        return format!("The best soup, {soup}, consists of one model, {single}.");
    }
    let Some(difference) = &of.difference else {
        return format!("{soup} cannot be compared with {single} on test images: the metric is undefined.");
    };
    let change = with_interval(difference);
    match difference.shown() {
        shown @ (Shown::Higher | Shown::Lower) => {
            let verdict = comparison::verdict(shown);
            format!("On test images {soup} is {verdict} than the best single model, {single}: {change}.")
        }
        Shown::Neither => format!(
            "On test images no difference between {soup} and the best single model, {single}, is shown: {change}."
        ),
    }
}

/// The sentences about the most and the least expensive row.
fn cost(table: &Table) -> String {
    let rows = table.rows().iter().filter(|row| row.cost != Cost::default());
    let price = |row: &&Row| {
        (row.cost.training_epochs, row.cost.wall_seconds.map_or(0, |seconds| (seconds * 1e3) as u64))
    };
    let dearest = rows.clone().max_by_key(price);
    let cheapest = rows.clone().min_by_key(price);
    let (Some(dearest), Some(cheapest)) = (dearest, cheapest) else {
        return "No model has been trained yet.".to_owned();
    };
    let (most, least) = (dearest.cost.training_epochs, cheapest.cost.training_epochs);
    let time =
        |row: &Row| row.cost.wall_seconds.map(format::seconds).unwrap_or_else(|| "unknown time".to_owned());
    const SINGLE: &str = "A soup is a single model, so inference costs the same.";
    let epochs = match most == least {
        true => {
            let trained = match most {
                0 => "No row trains a model".to_owned(),
                most => format!("Every row takes {} epochs of training", format::count(most)),
            };
            return format!(
                "{trained}. Over all columns, the wall-clock time is from {} ({}) to {} ({}). {SINGLE}",
                time(cheapest),
                cheapest.method,
                time(dearest),
                dearest.method
            );
        }
        false => format!(
            "Training takes {} epochs for {} and {} for {} ({:.0} %)",
            format::count(most),
            dearest.method,
            format::count(least),
            cheapest.method,
            100.0 * least as f64 / most.max(1) as f64
        ),
    };
    format!(
        "{epochs}, over all columns, in a wall-clock time of {} and {}. {SINGLE}",
        time(dearest),
        time(cheapest)
    )
}
