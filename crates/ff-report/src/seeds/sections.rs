//! The sections of a table over seeds.

use ff_eval::{PairedDifference, Spread};
use itertools::Itertools;

use crate::published::{INMERGE, Published};
use crate::section::{Field, Section, about_intervals, marked, with_content};
use crate::seeds::data::{SeedCell, SeedColumn, SeedRow};
use crate::seeds::table::SeedTable;
use crate::seeds::{notes, tasks};
use crate::{cost, format, latex, markdown};

impl SeedTable {
    /// Writes the table as Markdown.
    ///
    /// For each backbone, it has the test values as mean ± standard deviation over seeds (best in
    /// bold, second best underlined), the paired differences from the baseline, validation values
    /// and seeds, the tasks of multilabel datasets, and the paper's numbers; then the cost. A
    /// single seed has its bootstrap interval in place of a deviation. A missing value is "–" with
    /// a footnote.
    pub fn to_markdown(&self) -> String {
        markdown::document(self.title(), &self.sections())
    }

    /// Writes the sections of [`SeedTable::to_markdown`] as LaTeX, each a `table` float.
    ///
    /// The document needs `\usepackage{booktabs}` and `\usepackage{graphicx}`, and an engine or
    /// input encoding that reads UTF-8, which is LaTeX's default.
    pub fn to_latex(&self) -> String {
        latex::document(self.title(), &self.sections())
    }

    /// The sections of [`SeedTable::to_markdown`], in order, without empty ones.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let per_backbone = self.backbones().flat_map(|backbone| {
            [test(self, backbone)]
                .into_iter()
                .chain(self.baseline().map(|baseline| differences(self, backbone, baseline)))
                .chain([validation(self, backbone)])
                .chain(self.columns_of(backbone).map(|(at, _)| tasks::section(self, at)))
                .chain([beside_paper(self, backbone)])
        });
        let costs = self.rows().iter().map(|row| (row.method.as_str(), row.cost));
        with_content(per_backbone.chain([cost::section(costs, "all columns and seeds")]))
    }
}

impl SeedTable {
    /// The sections of one column: every score of each row, and its tasks.
    pub(crate) fn of_column(&self, at: usize) -> Vec<Section> {
        let column = &self.columns()[at];
        let of = |field: &dyn Fn(&SeedRow, &SeedCell) -> Field| -> Vec<Field> {
            self.rows().iter().map(|row| field(row, &row.cells[at])).collect()
        };
        let seeds = |cell: &SeedCell| cell.runs.iter().map(|run| run.seed).join(", ");
        let tests = marked(of(&|_, cell| test_field(cell, column)).into_iter(), self.ranks(at));
        let mut columns = vec![
            ("Seeds".to_owned(), of(&|_, cell| Field::from(Some(seeds(cell)).filter(|of| !of.is_empty())))),
            ("Validation".to_owned(), of(&|_, cell| Field::from(cell.validation().map(spread)))),
            ("Test".to_owned(), tests),
        ];
        if let Some(baseline) = self.baseline() {
            let less = |_: &SeedRow, cell: &SeedCell| {
                Field::from(cell.difference(&baseline.cells[at]).map(difference))
            };
            columns.push((format!("less {}", baseline.method), of(&less)));
        }
        let published = |row: &SeedRow| self.published(row, column);
        let mut remarks = vec![SPREAD.to_owned()];
        if self.rows().iter().any(|row| published(row).is_some()) {
            columns.push(("Paper".to_owned(), of(&|row, _| Field::from(published(row).map(paper)))));
            let less = |row: &SeedRow, cell: &SeedCell| {
                let less = published(row).zip(cell.test()).map(|(paper, ours)| ours.mean - paper.mean());
                Field::from(less.map(format::difference))
            };
            columns.push(("Test − paper".to_owned(), of(&less)));
            remarks.push(format!("Paper: {}.", INMERGE.source));
            let label = column.published_dataset().map_or("", |of| of.label.as_str());
            remarks.extend(INMERGE.remarks(&column.backbone, label).map(str::to_owned));
        }
        let heading = format!("{}, {}: scores", column.dataset, column.backbone);
        let scores = Section::of_methods(heading, self.methods(), columns).remarks(remarks);
        with_content([scores, tasks::section(self, at)].into_iter())
    }
}

/// Every cell of every column of a backbone, for sections with a row for each cell.
fn cells<'a>(
    table: &'a SeedTable,
    backbone: &str,
) -> impl Iterator<Item = (&'a SeedColumn, &'a SeedRow, &'a SeedCell)> {
    table
        .columns_of(backbone)
        .flat_map(|(at, column)| table.rows().iter().map(move |row| (column, row, &row.cells[at])))
}

fn spread(spread: Spread) -> String {
    let mean = format::value(spread.mean);
    match spread.sd {
        Some(sd) => format!("{mean} ± {} ({})", format::value(sd), spread.count),
        None => mean,
    }
}

const SPREAD: &str = "Mean ± sample standard deviation over seeds (number of seeds); a value without a deviation is from one seed.";

/// Formats the test values of a cell; a single one has its interval.
pub(crate) fn test_text(cell: &SeedCell) -> Option<String> {
    let of = cell.test()?;
    match of.count {
        1 => cell.runs.iter().filter_map(|run| run.test.as_ref()).find_map(format::score),
        _ if cell.chance().collapsed => Some(spread(of) + format::COLLAPSED),
        _ => Some(spread(of)),
    }
}

fn test_field(cell: &SeedCell, column: &SeedColumn) -> Field {
    Field::because(test_text(cell), notes::of_cell(cell, column))
}

fn test(table: &SeedTable, backbone: &str) -> Section {
    let columns = table.columns_of(backbone).map(|(at, column)| {
        let fields = table.rows().iter().map(|row| test_field(&row.cells[at], column));
        (column.title(), marked(fields, table.ranks(at)))
    });
    let single = cells(table, backbone).filter(|(.., cell)| cell.test().is_some_and(|of| of.count == 1));
    let level = |at: usize| table.rows().iter().find_map(|row| row.cells[at].chance().level);
    let scores = single.flat_map(|(.., cell)| &cell.runs).filter_map(|run| run.test.as_ref());
    Section::of_methods(format!("Test: {backbone}"), table.methods(), columns)
        .remark(SPREAD)
        .remarks(about_intervals(scores))
        .remark("Bold: best mean of the column; underlined: second best.")
        .chance(table.columns_of(backbone).map(|(at, _)| level(at)))
        .about_collapsed()
}

fn differences(table: &SeedTable, backbone: &str, baseline: &SeedRow) -> Section {
    let others = || table.rows().iter().filter(|row| row.method != baseline.method);
    let paired = |row: &SeedRow, at: usize| row.cells[at].difference(&baseline.cells[at]);
    let field = |row: &SeedRow, at: usize, column: &SeedColumn| {
        let (cell, paired) = (&row.cells[at], paired(row, at));
        let reason = match (paired, cell.test()) {
            (Some(_), _) => String::new(),
            (None, None) => notes::of_cell(cell, column),
            (None, Some(_)) => format!("no common seed with {}", baseline.method),
        };
        Field::because(paired.map(difference), reason)
    };
    let columns = table
        .columns_of(backbone)
        .map(|(at, column)| (column.title(), others().map(|row| field(row, at, column)).collect()));
    let one_pair = table
        .columns_of(backbone)
        .any(|(at, _)| others().any(|row| paired(row, at).is_some_and(|of| of.count == 1)));
    let heading = format!("Difference from {}: {backbone}", baseline.method);
    Section::of_methods(heading, others().map(|row| row.method.as_str()), columns)
        .remark("Mean difference over common seeds, its 95 % interval by Student's t, and the number of pairs in parentheses.")
        .remarks(one_pair.then_some("A single pair has no interval."))
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
    let row = |(column, row, cell): (&SeedColumn, &SeedRow, &SeedCell)| {
        let samples = cell.runs.iter().filter_map(|run| Some(run.test.as_ref()?.samples as u64));
        let some = |text: String| Field::from((!text.is_empty()).then_some(text));
        vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            some(cell.runs.iter().map(|run| run.seed).join(", ")),
            Field::from(cell.validation().map(spread)),
            test_field(cell, column),
            some(samples.sorted().dedup().map(format::count).join("; ")),
        ]
    };
    let heading = format!("Validation and test: {backbone}");
    let head = ["Dataset", "Method", "Seeds", "Validation", "Test", "Test samples"];
    Section::new(heading, 3, &head, cells(table, backbone).map(row).collect()).remark(SPREAD)
}

/// The paper's number, with its deviation over five seeds if it has one.
fn paper(published: Published) -> String {
    match published.sd() {
        Some(sd) => format!("{:.3} ± {sd:.3} (5)", published.mean()),
        None => format!("{:.3}", published.mean()),
    }
}

fn beside_paper(table: &SeedTable, backbone: &str) -> Section {
    let row = |(column, row, cell): (&SeedColumn, &SeedRow, &SeedCell)| {
        let published = table.published(row, column)?;
        let difference = cell.test().map(|of| format::difference(of.mean - published.mean()));
        Some(vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            test_field(cell, column),
            Field::from(paper(published)),
            Field::from(difference),
        ])
    };
    let ours = table.columns_of(backbone).filter_map(|(_, column)| column.published_dataset());
    Section::beside_paper(backbone, cells(table, backbone).filter_map(row).collect())
        .remark(SPREAD)
        .remark(format!("Paper: {}.", INMERGE.source))
        .remarks(ours.flat_map(|dataset| INMERGE.remarks(backbone, &dataset.label)))
}
