//! How soups were made: which candidates a selection kept or rejected, and what was fitted.

use itertools::Itertools;
use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::data::{Choice, ColumnReport, Rule, Step};
use crate::report::grid;
use crate::report::words::{of_group, sentence};

const INTRODUCTION: &str = "Greedy selection evaluates candidates from the best to the worst and keeps one only if the mean \
                            with it scores better on validation; pruning starts from all and leaves candidates out. The \
                            tables list every evaluation, in order.";

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let choices = &column.choices;
    (!choices.is_empty())
        .then(|| html! { p { (INTRODUCTION) } @for choice in choices { (of_soup(column, choice)) } })
}

fn of_soup(column: &ColumnReport, choice: &Choice) -> Markup {
    let name = format!("{}: {}", column.name(), choice.method);
    let groups: Vec<_> = choice.steps.iter().map(|step| step.group.as_str()).unique().collect();
    let mut made = choice.ingredients.iter().map(|(name, share)| format!("{name} ({:.1} %)", share * 100.0));
    html! {
        h5 { (choice.method) }
        p { (sentence(choice, column.metric)) }
        @if groups.len() > 1 {
            ul {
                @for group in &groups {
                    @if let Some(said) = of_group(choice, group, column.metric) {
                        li { (heading(group)) ": " (said) }
                    }
                }
            }
        }
        details {
            summary { "All " (choice.steps.len()) " evaluations" }
            (steps(&name, choice))
            p.note { "Ingredients: " (made.join("; ")) "." }
        }
    }
}

fn heading(group: &str) -> String {
    if group.is_empty() { "top level".to_owned() } else { group.to_owned() }
}

fn steps(name: &str, Choice { rule, steps, .. }: &Choice) -> Markup {
    let any = |of: fn(&Step) -> Option<f64>| steps.iter().any(|step| of(step).is_some());
    let [errors, barriers, distances] =
        [any(|step| step.standard_error), any(|step| step.barrier), any(|step| step.distance)];
    let number = |value: Option<f64>| value.map_or(NOTHING.to_owned(), format::value);
    let [tried, taken] = match rule {
        Rule::Pruned => ["Soup without it", "Kept"],
        _ => ["Soup with it", "Taken"],
    };
    let mut head = vec!["Group", "Candidate", "Alone", "Soup before", tried];
    head.extend(errors.then_some("± standard error"));
    head.push(taken);
    head.extend(barriers.then_some("Barrier"));
    head.extend(distances.then_some("Weight distance"));
    let row = |step: &Step| {
        let tried = match step.at_most {
            Some(bound) => format!("≤ {}", format::value(bound)),
            None => number(step.tried),
        };
        let taken = if step.taken { "yes" } else { "no" }.to_owned();
        let (group, candidate) = (heading(&step.group), step.candidate.clone());
        let mut row = vec![group, candidate, number(step.alone), number(step.before), tried];
        row.extend(errors.then(|| number(step.standard_error)));
        row.push(taken);
        row.extend(barriers.then(|| number(step.barrier)));
        row.extend(distances.then(|| number(step.distance)));
        row
    };
    grid::plain(name, 2, &head, steps.iter().map(row).collect())
}
