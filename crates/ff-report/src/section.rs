//! The parts that people read, before they are written as Markdown or LaTeX.

use std::collections::BTreeSet;

use ff_eval::{Score, Value};

use crate::format::{self, NOTHING};
use crate::paper;
use crate::rank::ranks;
use crate::{Cell, Column, Rank, Row, Table};

/// A grid with a heading above it and sentences below.
pub(crate) struct Section {
    pub heading: String,
    pub head: Vec<String>,
    /// The first columns are words and stand left, the others numbers and stand right.
    pub words: usize,
    pub rows: Vec<Vec<Field>>,
    /// Referred to by [`Field::note`], which counts from 1.
    pub footnotes: Vec<String>,
    /// About the grid as a whole.
    pub remarks: Vec<String>,
}

/// What stands in one place of a grid.
#[derive(Default)]
pub(crate) struct Field {
    pub text: String,
    pub mark: Option<Rank>,
    pub note: Option<usize>,
}

impl From<&str> for Field {
    fn from(text: &str) -> Field {
        Field::from(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Field {
        Field { text, ..Field::default() }
    }
}

impl Section {
    fn new(heading: String, words: usize, head: Vec<String>) -> Section {
        Section { heading, head, words, rows: Vec::new(), footnotes: Vec::new(), remarks: Vec::new() }
    }

    /// A field with what there is to say about it; the same reason has the same number.
    fn field(&mut self, text: Option<String>, mark: Option<Rank>, notes: &[&str]) -> Field {
        let reason = notes.join("; ");
        let note = (!reason.is_empty()).then(|| {
            let known = self.footnotes.iter().position(|footnote| *footnote == reason);
            known.unwrap_or_else(|| {
                self.footnotes.push(reason);
                self.footnotes.len() - 1
            }) + 1
        });
        Field { text: text.unwrap_or_else(|| NOTHING.to_owned()), mark, note }
    }
}

/// All parts of a table, in the order in which they are read; those without content are left out.
pub(crate) fn sections(table: &Table) -> Vec<Section> {
    let each =
        |part: fn(&Table, &str) -> Section| table.backbones().into_iter().map(move |name| part(table, name));
    each(main)
        .chain(each(intervals))
        .chain(each(ood))
        .chain(each(beside_paper))
        .chain([cost(table)])
        .filter(|section| !section.rows.is_empty() && section.head.len() > 1)
        .collect()
}

fn title(column: &Column) -> String {
    format!("{} ({})", column.dataset, column.metric.title())
}

/// Why a score is not what it seems or not there at all.
fn notes<'a>(cell: &'a Cell, score: Option<&'a Score>) -> Vec<&'a str> {
    let mut notes: Vec<&str> = cell.note.as_deref().into_iter().collect();
    match score {
        Some(score) => {
            if let Value::Undefined(why) = &score.value {
                notes.push(why);
            }
            notes.extend(score.notes.iter().map(String::as_str));
        }
        None if notes.is_empty() => notes.push("no result"),
        None => {}
    }
    notes
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
    let mut kinds = BTreeSet::new();
    for (column, row, cell) in cells(table, backbone) {
        let interval = cell.test.as_ref().and_then(|score| score.interval.as_ref());
        let dropped = interval.filter(|interval| interval.dropped > 0).map(|interval| {
            format!(
                "{} resamples dropped: the metric is undefined on them",
                format::count(interval.dropped as u64)
            )
        });
        kinds.extend(
            interval.map(|interval| (format!("{:.0} %", interval.level * 100.0), interval.resamples)),
        );
        let fields = vec![
            Field::from(title(column)),
            Field::from(row.method.as_str()),
            section.field(cell.validation.map(format::value), None, &[]),
            section.field(cell.test_value().map(format::value), None, &notes(cell, cell.test.as_ref())),
            section.field(interval.map(format::interval), None, &Vec::from_iter(dropped.as_deref())),
            section.field(cell.test.as_ref().map(|score| format::count(score.samples as u64)), None, &[]),
        ];
        section.rows.push(fields);
    }
    section.remarks.extend(kinds.into_iter().map(|(level, resamples)| {
        format!(
            "Intervals hold {level} of {} bootstrap resamples of the test samples.",
            format::count(resamples as u64)
        )
    }));
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
            section.field(cell.difference().map(format::difference), None, &[]),
        ];
        section.rows.push(fields);
    }
    section.remarks.push(format!("Paper: {}.", paper::SOURCE));
    let ours = table.columns_of(backbone).map(|(_, column)| column).filter(|column| column.paper);
    section.remarks.extend(ours.flat_map(paper::disagreements).map(str::to_owned));
    section
}

fn cost(table: &Table) -> Section {
    let head =
        ["Method", "Training epochs", "Training images", "Validation passes", "Validation images", "Time"];
    let mut section = Section::new("Cost".to_owned(), 1, head.map(str::to_owned).to_vec());
    for row in table.rows() {
        let cost = row.cost;
        let time = section.field(cost.wall_seconds.map(format::seconds), None, &[]);
        let counts =
            [cost.training_epochs, cost.training_images, cost.validation_passes, cost.validation_images];
        let mut fields = vec![Field::from(row.method.as_str())];
        fields.extend(counts.map(|of| Field::from(format::count(of))));
        fields.push(time);
        section.rows.push(fields);
    }
    let shared = "Over all columns, each method as if run alone: work that methods share counts for each.";
    section.remarks.push(shared.to_owned());
    section
}
