//! How to read the report: what its numbers are.

use ff_eval::Score;
use itertools::Itertools;
use maud::{Markup, html};

use crate::report::data::{ExperimentReport, ExperimentTable, Report};
use crate::section::about_intervals;
use crate::verdict::CROSS_FITTED;

pub(super) fn section(report: &Report) -> Markup {
    let soups = report.experiments.iter().filter_map(|of| match &of.table {
        ExperimentTable::Soups(table) => Some(table),
        ExperimentTable::Seeds(_) => None,
    });
    let scores = || {
        let cells = soups.clone().flat_map(|table| table.rows()).flat_map(|row| &row.cells);
        let shifted = |cell: &crate::table::Cell| {
            cell.ood.iter().filter_map(|(_, of)| of.clone()).collect::<Vec<Score>>()
        };
        cells.flat_map(move |cell| cell.test.clone().into_iter().chain(shifted(cell))).collect::<Vec<_>>()
    };
    let fitted =
        soups.clone().flat_map(|of| of.rows()).flat_map(|of| &of.cells).any(|of| of.cross_fitted.is_some());
    let compared = || report.experiments.iter().flat_map(|of| &of.columns).flat_map(|of| &of.comparisons);
    let intervals = compared().filter(|of| of.difference.is_some_and(|of| of.interval.is_some())).count();
    let ensembles: Vec<_> = report.experiments.iter().flat_map(ensembles).unique().collect();
    let seeds = report.experiments.iter().any(|of| matches!(of.table, ExperimentTable::Seeds(_)));
    html! {
        h3 { "How to read the numbers" }
        ul.reading {
            li {
                "The model to take is chosen on validation images, never on test images: the soup or single model with the best \
                 cross-fitted score, or with the best validation score where none is cross-fitted; of equal scores, the single \
                 model."
            }
            @if fitted { li { (CROSS_FITTED) } }
            li { "Test images are of the data set itself. Shifted (out-of-distribution) images are of another source; nothing was trained or chosen on either." }
            @for said in about_intervals(scores().iter()) { li { (said) } }
            @if intervals > 0 {
                li {
                    "A difference is a row's score less that of the single model with the best validation score, on the same images. Its \
                     interval contains the middle 95 % of paired bootstrap resamples of the images, or of their groups (patients). It \
                     does not cover the variation between training runs. A row is called better or worse only if the interval \
                     excludes 0. The " (intervals) " intervals are not corrected for multiple comparisons: without any true \
                     difference, about one in twenty would still exclude 0."
                }
            }
            @if seeds {
                li {
                    "Over seeds, differences are paired by seed, with a 95 % interval by Student's t. It covers the variation between \
                     seeds on these test images, not that between images. A single seed has no interval, so it shows no \
                     difference."
                }
            }
            @for said in &ensembles { li { (said) } }
            li { "Bold: the best of a column; underlined: the second best." }
        }
    }
}

/// The sentences about the ensembles of an experiment.
fn ensembles(experiment: &ExperimentReport) -> Vec<String> {
    let all = experiment.columns.iter().flat_map(|column| &column.ensembles);
    all.map(|(name, models)| {
        format!(
            "{name} is the mean of the probabilities of {models} models, which a soup approximates with one. It is shown for \
             comparison and is never the recommended model: every image takes {models} forward passes."
        )
    })
    .collect()
}
