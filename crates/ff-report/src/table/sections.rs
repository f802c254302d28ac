//! The parts of a table that people read.

use ff_eval::Score;

use super::{Cell, Column, Row, Table};
use crate::cost;
use crate::format;
use crate::latex;
use crate::markdown;
use crate::published::FISSIONFUSION;
use crate::rank::ranks;
use crate::section::{Field, Section, about_intervals, with_content};

impl Table {
    /// The parts of [`Table::to_markdown`].
    pub(crate) fn sections(&self) -> Vec<Section> {
        sections(self)
    }

    /// The table for people: per backbone the test values (best in bold, second best underlined), then validation and
    /// intervals, OOD sets, the paper's numbers, and the cost. A missing value is "–" with a footnote.
    pub fn to_markdown(&self) -> String {
        markdown::document(self.title(), &sections(self))
    }

    /// The parts of [`Table::to_markdown`], each a `table` float. The document needs `\usepackage{booktabs}` and an
    /// engine or input encoding that reads UTF-8, which is LaTeX's default.
    pub fn to_latex(&self) -> String {
        latex::document(self.title(), &sections(self))
    }
}

/// All parts of a table, in the order in which they are read; those without content are left out.
fn sections(table: &Table) -> Vec<Section> {
    let each =
        |part: fn(&Table, &str) -> Section| table.backbones().into_iter().map(move |name| part(table, name));
    let cost = cost::section(table.rows().iter().map(|row| (row.method.as_str(), row.cost)), "all columns");
    with_content(each(main).chain(each(intervals)).chain(each(ood)).chain(each(beside_paper)).chain([cost]))
}

fn title(column: &Column) -> String {
    format!("{} ({})", column.dataset, column.metric.title())
}

/// Why a score is not what it seems or not there at all.
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
    let columns: Vec<_> = table.columns_of(backbone).collect();
    let head = ["Method".to_owned()].into_iter().chain(columns.iter().map(|(_, column)| title(column)));
    let mut section = Section::new(format!("Test: {backbone}"), 1, head.collect());
    let marks: Vec<_> = columns.iter().map(|&(at, _)| table.ranks(at)).collect();
    for (nth, row) in table.rows().iter().enumerate() {
        let mut fields = vec![Field::from(row.method.as_str())];
        for (&(at, _), marks) in columns.iter().zip(&marks) {
            let cell = &row.cells[at];
            let text = cell.test_value().map(format::value);
            fields.push(section.field(text, marks[nth], &notes(cell, cell.test.as_ref())));
        }
        section.rows.push(fields);
    }
    section.remarks.push("Bold: best of the column; underlined: second best.".to_owned());
    section
}

/// Every row under every column of a backbone, for the parts that are long and not wide.
fn cells<'a>(table: &'a Table, backbone: &str) -> impl Iterator<Item = (&'a Column, &'a Row, &'a Cell)> {
    table
        .columns_of(backbone)
        .flat_map(|(at, column)| table.rows().iter().map(move |row| (column, row, &row.cells[at])))
}

fn intervals(table: &Table, backbone: &str) -> Section {
    let head = ["Dataset", "Method", "Validation", "Test", "Interval", "Test samples"];
    let heading = format!("Validation and test, with intervals: {backbone}");
    let mut section = Section::new(heading, 2, head.map(str::to_owned).to_vec());
    for (column, row, cell) in cells(table, backbone) {
        let interval = cell.test.as_ref().and_then(|score| score.interval.as_ref());
        let dropped = interval.filter(|interval| interval.dropped > 0).map(|interval| {
            format!(
                "{} resamples dropped: the metric is undefined on them",
                format::count(interval.dropped as u64)
            )
        });
        let fields = vec![
            Field::from(title(column)),
            Field::from(row.method.as_str()),
            section.field(cell.validation.map(format::value), None, ""),
            section.field(cell.test_value().map(format::value), None, &notes(cell, cell.test.as_ref())),
            section.field(interval.map(format::interval), None, &dropped.unwrap_or_default()),
            section.field(cell.test.as_ref().map(format::samples), None, ""),
        ];
        section.rows.push(fields);
    }
    let scores = cells(table, backbone).filter_map(|(.., cell)| cell.test.as_ref());
    section.remarks = about_intervals(scores);
    section
}

fn ood(table: &Table, backbone: &str) -> Section {
    let sets = table.columns_of(backbone).flat_map(|(at, column)| {
        column.ood.iter().enumerate().map(move |(nth, name)| (at, nth, column, name.as_str()))
    });
    let name = |(_, _, column, name): (_, _, &Column, &str)| {
        format!("{} → {name} ({})", column.dataset, column.metric.title())
    };
    let head = ["Method".to_owned()].into_iter().chain(sets.clone().map(name));
    let mut section = Section::new(format!("Out of distribution: {backbone}"), 1, head.collect());
    let score = |row: &'_ Row, at: usize, nth: usize| row.cells[at].ood[nth].1.clone();
    let marks: Vec<_> = sets
        .clone()
        .map(|(at, nth, column, _)| {
            let value = |row| score(row, at, nth).and_then(|score| score.value.value());
            ranks(&table.rows().iter().map(value).collect::<Vec<_>>(), column.metric.higher_is_better())
        })
        .collect();
    for (line, row) in table.rows().iter().enumerate() {
        let mut fields = vec![Field::from(row.method.as_str())];
        for ((at, nth, ..), marks) in sets.clone().zip(&marks) {
            let score = score(row, at, nth);
            let text = score.as_ref().and_then(format::score);
            fields.push(section.field(text, marks[line], &notes(&row.cells[at], score.as_ref())));
        }
        section.rows.push(fields);
    }
    section.remarks.push("Trained on → scored on. No model was selected by these.".to_owned());
    section
}

fn beside_paper(table: &Table, backbone: &str) -> Section {
    let head = ["Dataset", "Method", "Ours", "Paper", "Difference"];
    let heading = format!("Beside the paper: {backbone}");
    let mut section = Section::new(heading, 2, head.map(str::to_owned).to_vec());
    for (column, row, cell) in cells(table, backbone).filter(|(column, ..)| column.paper) {
        let Some(published) = cell.paper else { continue };
        let fields = vec![
            Field::from(title(column)),
            Field::from(row.method.as_str()),
            section.field(cell.test_value().map(format::value), None, &notes(cell, cell.test.as_ref())),
            Field::from(format::value(published)),
            section.field(cell.difference().map(format::difference), None, ""),
        ];
        section.rows.push(fields);
    }
    section.remarks.push(format!("Paper: {}.", FISSIONFUSION.source));
    let ours = table.columns_of(backbone).map(|(_, column)| column).filter(|column| column.paper);
    section.remarks.extend(
        ours.flat_map(|column| FISSIONFUSION.remarks(&column.backbone, &column.dataset)).map(str::to_owned),
    );
    section
}
