//! The page around it all.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::data::{ExperimentReport, ExperimentTable, Report};
use crate::report::{
    choice, comparison, grid, learning, mistakes, per_class, picture, provenance, shift, summary,
};
use crate::section::Section;

const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");

/// A part of an experiment: its anchor, heading and content.
struct Chapter {
    anchor: String,
    heading: &'static str,
    content: Markup,
}

pub(super) fn document(report: &Report) -> String {
    let chapters: Vec<_> =
        report.experiments.iter().enumerate().map(|(nth, experiment)| parts(nth, experiment)).collect();
    let experiments = || report.experiments.iter().zip(&chapters).enumerate();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(report))
            body {
                a.skip href="#summary" { "To the summary" }
                header { h1 { (report.title) } }
                nav aria-label="Contents" {
                    ul {
                        li { a href="#summary" { "Summary" } }
                        @for (nth, (experiment, parts)) in experiments() {
                            li {
                                a href=(format!("#study-{nth}")) { (experiment.title()) }
                                ul { @for part in parts { li { a href=(format!("#{}", part.anchor)) { (part.heading) } } } }
                            }
                        }
                    }
                }
                main {
                    (summary(report))
                    @for (nth, (experiment, parts)) in experiments() {
                        section id=(format!("study-{nth}")) {
                            h2 { (experiment.title()) }
                            @for part in parts {
                                section id=(part.anchor) { h3 { (part.heading) } (part.content) }
                            }
                        }
                    }
                }
                footer { p.note { "Made by ff-grid " (report.version) " from records; this page needs no network." } }
                script { (PreEscaped(SORT)) }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="generator" content=(format!("ff-grid {}", report.version));
            title { (report.title) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn summary(report: &Report) -> Markup {
    html! {
        section #summary {
            h2 { "Summary" }
            @for why in &report.problems { p.warning { (why) } }
            @if report.experiments.is_empty() { p { "There is no table to report on." } }
            @for experiment in &report.experiments {
                @if report.experiments.len() > 1 { h3 { (experiment.title()) } }
                (summary::of_experiment(experiment))
            }
        }
    }
}

/// The parts that have content, in the order in which they are read.
fn parts(nth: usize, experiment: &ExperimentReport) -> Vec<Chapter> {
    let all = [
        ("tables", "Tables", Some(tables(experiment))),
        ("plots", "Figures", figures(experiment)),
        ("shift", "In distribution and out of it", shift::section(experiment)),
        ("learning", "Learning curves", learning::section(experiment)),
        ("choices", "Why greedy stopped", choice::section(experiment)),
        ("classes", "Class by class", per_class::section(experiment)),
        ("mistakes", "Surest mistakes", mistakes::section(experiment)),
        ("differences", "Differences", comparison::section(experiment)),
        ("notes", "What is missing", missing(experiment)),
        ("provenance", "Provenance", Some(provenance::section(experiment))),
    ];
    let part = |(anchor, heading, content): (&str, _, Option<Markup>)| {
        Some(Chapter { anchor: format!("study-{nth}-{anchor}"), heading, content: content? })
    };
    all.into_iter().filter_map(part).collect()
}

fn tables(experiment: &ExperimentReport) -> Markup {
    let sections: Vec<Section> = match &experiment.table {
        ExperimentTable::Soups(table) => table.sections(),
        ExperimentTable::Seeds(table) => table.sections(),
    };
    html! { @for section in &sections { (grid::section(section)) } }
}

fn figures(experiment: &ExperimentReport) -> Option<Markup> {
    let plots: Vec<_> = experiment.columns.iter().flat_map(|column| &column.figures).collect();
    plots.first()?;
    Some(html! { @for plot in plots { (picture::broad(plot)) } })
}

fn missing(experiment: &ExperimentReport) -> Option<Markup> {
    let all: Vec<_> = experiment
        .columns
        .iter()
        .flat_map(|column| column.missing.iter().map(move |why| (column.name(), why)))
        .collect();
    all.first()?;
    Some(html! { ul { @for (column, why) in all { li { (column) ": " (why) } } } })
}
