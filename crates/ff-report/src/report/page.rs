//! The page around it all.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::{Report, StudyReport, StudyTable};
use super::{behaviour, choice, comparison, grid, learning, mistakes, picture, provenance, shift, summary};
use crate::section::Section;

const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");

/// A part of a study: its anchor, heading and content.
struct Part {
    anchor: String,
    heading: &'static str,
    content: Markup,
}

pub(super) fn document(report: &Report) -> String {
    let studies: Vec<(usize, &StudyReport, Vec<Part>)> =
        report.studies.iter().enumerate().map(|(nth, study)| (nth, study, parts(nth, study))).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(format!("ff-grid {}", report.version));
                title { (report.title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#summary" { "To the summary" }
                header { h1 { (report.title) } }
                nav aria-label="Contents" {
                    ul {
                        li { a href="#summary" { "Summary" } }
                        @for (nth, study, parts) in &studies {
                            li {
                                a href=(format!("#study-{nth}")) { (study.title()) }
                                ul { @for part in parts { li { a href=(format!("#{}", part.anchor)) { (part.heading) } } } }
                            }
                        }
                    }
                }
                main {
                    section #summary {
                        h2 { "Summary" }
                        @for why in &report.problems { p.warning { (why) } }
                        @if report.studies.is_empty() { p { "There is no table to report on." } }
                        @for study in &report.studies {
                            @if report.studies.len() > 1 { h3 { (study.title()) } }
                            (summary::of_study(study))
                        }
                    }
                    @for (nth, study, parts) in &studies {
                        section id=(format!("study-{nth}")) {
                            h2 { (study.title()) }
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

/// The parts that have content, in the order in which they are read.
fn parts(nth: usize, study: &StudyReport) -> Vec<Part> {
    let all = [
        ("tables", "Tables", Some(tables(study))),
        ("plots", "Figures", figures(study)),
        ("shift", "In distribution and out of it", shift::section(study)),
        ("learning", "Learning curves", learning::section(study)),
        ("choices", "Why greedy stopped", choice::section(study)),
        ("classes", "Class by class", behaviour::section(study)),
        ("mistakes", "Surest mistakes", mistakes::section(study)),
        ("differences", "Differences", comparison::section(study)),
        ("notes", "What is missing", missing(study)),
        ("provenance", "Provenance", Some(provenance::section(study))),
    ];
    let part = |(anchor, heading, content): (&str, _, Option<Markup>)| {
        Some(Part { anchor: format!("study-{nth}-{anchor}"), heading, content: content? })
    };
    all.into_iter().filter_map(part).collect()
}

fn tables(study: &StudyReport) -> Markup {
    let sections: Vec<Section> = match &study.table {
        StudyTable::Soups(table) => table.sections(),
        StudyTable::Seeds(table) => table.sections(),
    };
    html! { @for section in &sections { (grid::section(section)) } }
}

fn figures(study: &StudyReport) -> Option<Markup> {
    let plots: Vec<_> = study.columns.iter().flat_map(|column| &column.figures).collect();
    plots.first()?;
    Some(html! { @for plot in plots { (picture::broad(plot)) } })
}

fn missing(study: &StudyReport) -> Option<Markup> {
    let all: Vec<_> = study
        .columns
        .iter()
        .flat_map(|column| column.missing.iter().map(move |why| (column.name(), why)))
        .collect();
    all.first()?;
    Some(html! { ul { @for (column, why) in all { li { (column) ": " (why) } } } })
}
