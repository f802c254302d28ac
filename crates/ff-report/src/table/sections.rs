//! The sections of a table.

use ff_eval::Score;

use crate::published::FISSIONFUSION;
use crate::rank::ranks;
use crate::section::{Field, Section, about_intervals, marked, with_content};
use crate::table::data::{Cell, Column, Row, Table};
use crate::{cost, format, latex, markdown};

impl Table {
    /// Writes the table as Markdown.
    ///
    /// For each backbone, it has the test values (best in bold, second best underlined), validation
    /// values and intervals, OOD sets, and the paper's numbers; then the cost. A missing value is
    /// "–" with a footnote.
    pub fn to_markdown(&self) -> String {
        markdown::document(self.title(), &self.sections())
    }

    /// Writes the sections of [`Table::to_markdown`] as LaTeX, each a `table` float.
    ///
    /// The document needs `\usepackage{booktabs}` and `\usepackage{graphicx}`, and an engine or
    /// input encoding that reads UTF-8, which is LaTeX's default.
    pub fn to_latex(&self) -> String {
        latex::document(self.title(), &self.sections())
    }

    /// The sections of [`Table::to_markdown`], in order, without empty ones.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let each = |part: fn(&Table, &str) -> Section| self.backbones().map(move |name| part(self, name));
        let costs = self.rows().iter().map(|row| (row.method.as_str(), row.cost));
        let cost = cost::section(costs, "all columns").remark(
            "Validation images include training images that BatchNorm and merge methods need statistics of.",
        );
        with_content(
            each(main).chain(each(intervals)).chain(each(ood)).chain(each(beside_paper)).chain([cost]),
        )
    }
}

/// The notes on a cell and its score, such as why it is missing.
fn notes(cell: &Cell, score: Option<&Score>) -> String {
    let mut notes: Vec<String> = cell.note.clone().into_iter().collect();
    match score {
        Some(score) => notes.extend(format::notes(score)),
        None if notes.is_empty() => notes.push("no result".to_owned()),
        None => {}
    }
    notes.join("; ")
}

fn main(table: &Table, backbone: &str) -> Section {
    let columns = table.columns_of(backbone).map(|(at, column)| {
        let fields = table.rows().iter().map(|row| test_field(&row.cells[at]));
        (column.title(), marked(fields, table.ranks(at)))
    });
    Section::of_methods(format!("Test: {backbone}"), table.methods(), columns)
        .remark("Bold: best of the column; underlined: second best.")
}

fn test_field(cell: &Cell) -> Field {
    Field::because(cell.test_value().map(format::value), notes(cell, cell.test.as_ref()))
}

/// Every cell of every column of a backbone, for sections with a row for each cell.
fn cells<'a>(table: &'a Table, backbone: &str) -> impl Iterator<Item = (&'a Column, &'a Row, &'a Cell)> {
    table
        .columns_of(backbone)
        .flat_map(|(at, column)| table.rows().iter().map(move |row| (column, row, &row.cells[at])))
}

fn intervals(table: &Table, backbone: &str) -> Section {
    let row = |(column, row, cell): (&Column, &Row, &Cell)| {
        let interval = cell.test.as_ref().and_then(|score| score.interval.as_ref());
        let dropped = interval.filter(|interval| interval.dropped > 0).map(|interval| {
            let dropped = format::count(interval.dropped as u64);
            format!("{dropped} resamples dropped: the metric is undefined on them")
        });
        vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            Field::from(cell.validation.map(format::value)),
            test_field(cell),
            Field::because(interval.map(format::interval), dropped.unwrap_or_default()),
            Field::from(cell.test.as_ref().map(format::samples)),
        ]
    };
    let heading = format!("Validation and test, with intervals: {backbone}");
    let head = ["Dataset", "Method", "Validation", "Test", "Interval", "Test samples"];
    let scores = cells(table, backbone).filter_map(|(.., cell)| cell.test.as_ref());
    Section::new(heading, 2, &head, cells(table, backbone).map(row).collect())
        .remarks(about_intervals(scores))
}

fn ood(table: &Table, backbone: &str) -> Section {
    let sets = table
        .columns_of(backbone)
        .flat_map(|(at, column)| column.ood.iter().enumerate().map(move |(nth, set)| (at, column, nth, set)));
    let columns = sets.map(|(at, column, nth, set)| {
        let cells = table.rows().iter().map(|row| (&row.cells[at], row.cells[at].ood[nth].1.as_ref()));
        let values: Vec<_> = cells.clone().map(|(_, score)| score?.value.value()).collect();
        let fields =
            cells.map(|(cell, score)| Field::because(score.and_then(format::score), notes(cell, score)));
        let title = format!("{} → {set} ({})", column.dataset, column.metric.title());
        (title, marked(fields, ranks(&values)))
    });
    Section::of_methods(format!("Out of distribution: {backbone}"), table.methods(), columns)
        .remark("Columns: trained on → scored on. These scores were not used for selection.")
}

fn beside_paper(table: &Table, backbone: &str) -> Section {
    let row = |(column, row, cell): (&Column, &Row, &Cell)| {
        Some(vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            test_field(cell),
            Field::from(format::value(cell.paper?)),
            Field::from(cell.difference().map(format::difference)),
        ])
    };
    let rows = cells(table, backbone).filter(|(column, ..)| column.paper).filter_map(row);
    let ours = table.columns_of(backbone).map(|(_, column)| column).filter(|column| column.paper);
    Section::beside_paper(backbone, rows.collect())
        .remark(format!("Paper: {}.", FISSIONFUSION.source))
        .remarks(ours.flat_map(|column| FISSIONFUSION.remarks(&column.backbone, &column.dataset)))
}
