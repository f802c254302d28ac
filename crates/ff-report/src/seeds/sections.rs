//! The parts of a table over seeds that people read.

use ff_eval::{PairedDifference, Spread};

use super::{SeedCell, SeedColumn, SeedRow, SeedTable, notes, tasks};
use crate::cost;
use crate::format;
use crate::latex;
use crate::markdown;
use crate::published::INMERGE;
use crate::section::{Field, Section, about_intervals, with_content};

impl SeedTable {
    /// The parts of [`SeedTable::to_markdown`].
    pub(crate) fn sections(&self) -> Vec<Section> {
        sections(self)
    }

    /// The table for people: per backbone the test values as mean ± standard deviation over seeds (best in bold, second
    /// best underlined), the paired differences from the baseline, validation and seeds, the tasks of multilabel datasets
    /// and the paper's numbers; then the cost. A single seed shows its bootstrap interval instead of a deviation. A
    /// missing value is "–" with a footnote.
    pub fn to_markdown(&self) -> String {
        markdown::document(&self.title, &sections(self))
    }

    /// The parts of [`SeedTable::to_markdown`], each a `table` float. The document needs `\usepackage{booktabs}`,
    /// `\usepackage{graphicx}` if a comment at the top says so, and an engine or input encoding that reads UTF-8, which
    /// is LaTeX's default.
    pub fn to_latex(&self) -> String {
        latex::document(&self.title, &sections(self))
    }
}

/// All parts, in the order in which they are read; those without content are left out.
fn sections(table: &SeedTable) -> Vec<Section> {
    let per_backbone = table.backbones().into_iter().flat_map(|backbone| {
        [test(table, backbone)]
            .into_iter()
            .chain(table.baseline().map(|baseline| differences(table, backbone, baseline)))
            .chain([validation(table, backbone)])
            .chain(table.columns_of(backbone).map(|(at, _)| tasks::section(table, at)))
            .chain([beside_paper(table, backbone)])
    });
    let costs = table.rows.iter().map(|row| (row.method.as_str(), row.cost));
    with_content(per_backbone.chain([cost::section(costs, "all columns and seeds")]))
}

/// The head of a part that sets methods against the datasets of a backbone.
fn datasets(table: &SeedTable, backbone: &str) -> Vec<String> {
    let titles = table.columns_of(backbone).map(|(_, column)| column.title());
    ["Method".to_owned()].into_iter().chain(titles).collect()
}

/// Every row under every column of a backbone, for the parts that are long and not wide.
fn cells<'a>(
    table: &'a SeedTable,
    backbone: &str,
) -> impl Iterator<Item = (&'a SeedColumn, &'a SeedRow, &'a SeedCell)> {
    table
        .columns_of(backbone)
        .flat_map(|(at, column)| table.rows.iter().map(move |row| (column, row, &row.cells[at])))
}

fn spread(spread: Spread) -> String {
    let mean = format::value(spread.mean);
    match spread.sd {
        Some(sd) => format!("{mean} ± {} ({})", format::value(sd), spread.count),
        None => mean,
    }
}

const SPREAD: &str =
    "Mean ± sample standard deviation over seeds, their number in brackets; a value without is of one seed.";

/// The test values of a cell, a single one with its interval.
fn test_text(cell: &SeedCell) -> Option<String> {
    let of = cell.test()?;
    match of.count {
        1 => cell.runs.iter().filter_map(|run| run.test.as_ref()).find_map(format::score),
        _ => Some(spread(of)),
    }
}

fn test(table: &SeedTable, backbone: &str) -> Section {
    let mut section = Section::new(format!("Test: {backbone}"), 1, datasets(table, backbone));
    let marks: Vec<_> = table.columns_of(backbone).map(|(at, _)| table.ranks(at)).collect();
    for (nth, row) in table.rows.iter().enumerate() {
        let mut fields = vec![Field::from(row.method.as_str())];
        for ((at, column), marks) in table.columns_of(backbone).zip(&marks) {
            let cell = &row.cells[at];
            fields.push(section.field(test_text(cell), marks[nth], &notes::of_cell(cell, column)));
        }
        section.rows.push(fields);
    }
    section.remarks.push(SPREAD.to_owned());
    let single = cells(table, backbone).filter(|(.., cell)| cell.test().is_some_and(|of| of.count == 1));
    let scores = single.flat_map(|(.., cell)| &cell.runs).filter_map(|run| run.test.as_ref());
    section.remarks.extend(about_intervals(scores));
    section.remarks.push("Bold: best mean of the column; underlined: second best.".to_owned());
    section
}

fn differences(table: &SeedTable, backbone: &str, baseline: &SeedRow) -> Section {
    let heading = format!("Difference from {}: {backbone}", baseline.method);
    let mut section = Section::new(heading, 1, datasets(table, backbone));
    let mut one_pair = false;
    for row in table.rows.iter().filter(|row| row.method != baseline.method) {
        let mut fields = vec![Field::from(row.method.as_str())];
        for (at, column) in table.columns_of(backbone) {
            let cell = &row.cells[at];
            let paired = cell.difference(&baseline.cells[at]);
            one_pair |= paired.is_some_and(|of| of.count == 1);
            let notes = match (paired, cell.test()) {
                (Some(_), _) => String::new(),
                (None, None) => notes::of_cell(cell, column),
                (None, Some(_)) => format!("no seed with which {} has a value too", baseline.method),
            };
            fields.push(section.field(paired.map(difference), None, &notes));
        }
        section.rows.push(fields);
    }
    section.remarks.push(
        "Mean over the seeds that both have, with its 95 % interval by Student's t, in brackets the number of pairs."
            .to_owned(),
    );
    if one_pair {
        section.remarks.push("One pair has no interval.".to_owned());
    }
    section
}

fn difference(of: PairedDifference) -> String {
    let mean = format::difference(of.mean);
    match of.interval {
        Some(interval) => {
            let (low, high) = (format::difference(interval.low), format::difference(interval.high));
            format!("{mean} [{low}, {high}] ({})", of.count)
        }
        None => format!("{mean} ({})", of.count),
    }
}

fn validation(table: &SeedTable, backbone: &str) -> Section {
    let head = ["Dataset", "Method", "Seeds", "Validation", "Test", "Test samples"];
    let heading = format!("Validation and test: {backbone}");
    let mut section = Section::new(heading, 3, head.map(str::to_owned).to_vec());
    for (column, row, cell) in cells(table, backbone) {
        let seeds: Vec<_> = cell.runs.iter().map(|run| run.seed.to_string()).collect();
        let mut samples: Vec<_> =
            cell.runs.iter().filter_map(|run| run.test.as_ref()).map(|score| score.samples as u64).collect();
        samples.sort_unstable();
        samples.dedup();
        let samples: Vec<_> = samples.into_iter().map(format::count).collect();
        let some = |text: String| (!text.is_empty()).then_some(text);
        let fields = vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            section.field(some(seeds.join(", ")), None, ""),
            section.field(cell.validation().map(spread), None, ""),
            section.field(test_text(cell), None, &notes::of_cell(cell, column)),
            section.field(some(samples.join("; ")), None, ""),
        ];
        section.rows.push(fields);
    }
    section.remarks.push(SPREAD.to_owned());
    section
}

fn beside_paper(table: &SeedTable, backbone: &str) -> Section {
    let head = ["Dataset", "Method", "Ours", "Paper", "Difference"];
    let heading = format!("Beside the paper: {backbone}");
    let mut section = Section::new(heading, 2, head.map(str::to_owned).to_vec());
    for (column, row, cell) in cells(table, backbone) {
        let Some(published) = table.published(row, column) else { continue };
        let difference = cell.test().map(|of| format::difference(of.mean - published.mean()));
        let fields = vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            section.field(test_text(cell), None, &notes::of_cell(cell, column)),
            Field::from(match published.sd() {
                Some(sd) => format!("{:.3} ± {sd:.3} (5)", published.mean()),
                None => format!("{:.3}", published.mean()),
            }),
            section.field(difference, None, ""),
        ];
        section.rows.push(fields);
    }
    section.remarks.push(SPREAD.to_owned());
    section.remarks.push(format!("Paper: {}.", INMERGE.source));
    let ours = table.columns_of(backbone).filter_map(|(_, column)| column.published_dataset());
    let of_papers = ours.flat_map(|dataset| INMERGE.remarks(backbone, &dataset.label));
    section.remarks.extend(of_papers.map(str::to_owned));
    section
}
