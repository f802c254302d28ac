//! Several tables beside each other: what each recommends, how that scores, and what it costs.

use itertools::Itertools;
use maud::{Markup, html};

use crate::format::{self, NOTHING};
use crate::report::advice::{Advice, ImageSet};
use crate::report::grid;
use crate::report::recommend::DataSet;
use crate::report::terms::Terms;

/// The comparison of tables, given by their names and data sets, and their settings that differ.
pub(super) fn section(
    tables: &[(&str, &[DataSet<'_>])],
    settings: &[(String, Vec<String>)],
    terms: &mut Terms,
) -> Markup {
    let names: Vec<&str> =
        tables.iter().flat_map(|(_, sets)| sets.iter().map(|set| set.name)).unique().collect();
    let rows = names.iter().flat_map(|name| {
        tables.iter().flat_map(move |(title, sets)| {
            let of_name = sets.iter().filter(move |set| set.name == *name).flat_map(DataSet::ranked);
            of_name.map(move |advice| row(title, advice))
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let head = ["Data set", "Table", "Take", "Test", "Shifted", "Epochs", "Time"];
    html! {
        h3 { "The tables compared" }
        (terms.note(rows.iter().map(|row| row[2].as_str())).unwrap_or_default())
        (grid::long("The tables compared", 3, &head, rows.clone()))
        p.note {
            "Each table's model to take, chosen on validation images. Of a data set with several networks, the one with the \
             best model is first. Epochs of training and time are those of the model's row over its whole table. Scores of \
             two tables can be compared only if their test images are the same."
        }
        @if !settings.is_empty() {
            details {
                summary { "Settings that differ (" (settings.len()) ")" }
                (differing(tables, settings))
            }
        }
    }
}

fn differing(tables: &[(&str, &[DataSet<'_>])], settings: &[(String, Vec<String>)]) -> Markup {
    let head: Vec<&str> = std::iter::once("Setting").chain(tables.iter().map(|(name, _)| *name)).collect();
    let row = |(key, values): &(String, Vec<String>)| [vec![key.clone()], values.clone()].concat();
    grid::long("Settings that differ", head.len(), &head, settings.iter().map(row).collect())
}

fn row(title: &str, advice: &Advice<'_>) -> Vec<String> {
    let scores = |shifted: bool| {
        let sets = advice.sets.iter().zip(&advice.scores);
        let sets = sets.filter(|(set, _)| set.is_shifted() == shifted);
        let mut said = sets.filter_map(|(set, score)| {
            let score = score.as_ref()?;
            Some(match set {
                ImageSet::Test => score.clone(),
                ImageSet::Shifted(name) => format!("{name} {score}"),
            })
        });
        Some(said.join("; ")).filter(|said| !said.is_empty()).unwrap_or(NOTHING.to_owned())
    };
    let text = |text: Option<String>| text.unwrap_or(NOTHING.to_owned());
    vec![
        format!("{} ({})", advice.column.dataset, advice.metric.title()),
        title.to_owned(),
        text(advice.take.as_ref().map(|take| format!("{take} with {}", advice.column.backbone))),
        scores(false),
        scores(true),
        text(advice.cost.map(|cost| format::count(cost.training_epochs))),
        text(advice.cost.and_then(|cost| cost.wall_seconds).map(format::seconds)),
    ]
}
