//! The panel of a data set: its images, and for each network the scores and everything behind them.

use maud::{Markup, html};

use crate::report::data::{ColumnReport, ExperimentReport, ExperimentTable};
use crate::report::recommend::DataSet;
use crate::report::{
    choice, delong, forecast, grid, images, in_use, learning, mistakes, of_seeds, of_soups, per_class,
    picture, shift,
};

/// A part of a panel that is closed at first: its anchor, heading and content.
type Chapter = (&'static str, &'static str, Option<Markup>);

pub(super) fn panel(anchor: &str, set: &DataSet<'_>, experiment: &ExperimentReport) -> Markup {
    let columns: Vec<&ColumnReport> = set.networks.iter().map(|of| of.column).collect();
    html! {
        (images::section(&columns))
        @for (nth, column) in columns.iter().enumerate() {
            section id=(format!("{anchor}-{nth}")) {
                h3 { (column.backbone) span.note { " " (column.metric.title()) } }
                (scores(column, experiment))
                @if !column.missing.is_empty() { p.warning { "Missing: " (column.missing.join("; ")) "." } }
                @for (name, heading, content) in chapters(column) {
                    @if let Some(content) = content {
                        details id=(format!("{anchor}-{nth}-{name}")) { summary { h4 { (heading) } } (content) }
                    }
                }
            }
        }
    }
}

/// The verdict of validation images, and the table of scores.
fn scores(column: &ColumnReport, experiment: &ExperimentReport) -> Markup {
    let (said, sections) = match &experiment.table {
        ExperimentTable::Soups(table) => {
            (of_soups::verdict(column, table), of_soups::scores(column, table).into_iter().collect())
        }
        ExperimentTable::Seeds(table) => (None, of_seeds::scores(column, table)),
    };
    html! {
        @if let Some(said) = said { p { (said) } }
        @for section in &sections { (grid::grid(section)) }
    }
}

fn chapters(column: &ColumnReport) -> [Chapter; 9] {
    let figures = || html! { @for plot in &column.figures { (picture::broad(plot)) } };
    [
        ("choices", "How soups were made", choice::of_column(column)),
        ("use", "Thresholds, subgroups, calibration", in_use::of_column(column)),
        ("classes", "Results per class", per_class::of_column(column)),
        ("mistakes", "Most confident mistakes", mistakes::of_column(column)),
        ("shift", "Test and shifted images", shift::of_column(column)),
        ("delong", "DeLong's test for each AUROC", delong::of_column(column)),
        ("learning", "Learning curves", learning::of_column(column)),
        ("forecast", "Which models average", forecast::of_column(column)),
        ("plots", "Figures", (!column.figures.is_empty()).then(figures)),
    ]
}
