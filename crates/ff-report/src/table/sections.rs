//! The sections of a table.

use ff_eval::{FEW_SAMPLES, Score};
use itertools::Itertools;

use crate::published::FISSIONFUSION;
use crate::rank::{rankable, ranks};
use crate::section::{Field, Section, about_intervals, marked, with_content};
use crate::table::data::{Cell, Column, Row, Table};
use crate::verdict::CROSS_FITTED;
use crate::{cost, format, latex, markdown};

/// Explains the word beside [`CROSS_FITTED`].
const OPTIMISM: &str = "Optimism: the validation value less the cross-fitted one, which is what selecting \
                        and scoring on the same images adds.";

/// The largest number of classes that are all listed.
const MANY: usize = 20;

impl Table {
    /// Writes the table as Markdown.
    ///
    /// It has the verdicts of the columns. For each backbone, it has the test values (best in bold,
    /// second best underlined), validation values and intervals, OOD sets, and the paper's numbers;
    /// then the cost. A missing value is "–" with a footnote.
    pub fn to_markdown(&self) -> String {
        markdown::document(self.title(), &self.with_verdicts())
    }

    /// Writes the sections of [`Table::to_markdown`] as LaTeX, each a `table` float.
    ///
    /// The document needs `\usepackage{booktabs}` and `\usepackage{graphicx}`, and an engine or
    /// input encoding that reads UTF-8, which is LaTeX's default.
    pub fn to_latex(&self) -> String {
        latex::document(self.title(), &self.with_verdicts())
    }

    fn with_verdicts(&self) -> Vec<Section> {
        with_content([self.verdicts()].into_iter().chain(self.sections()))
    }

    /// The section of verdicts, with a row for each column that has one, or a reason for none.
    pub(crate) fn verdicts(&self) -> Section {
        let row = |column: &Column| {
            let name = format!("{} ({})", column.name(), column.metric.title());
            Some(vec![Field::from(name), Field::from(column.said()?)])
        };
        let rows = self.columns().iter().filter_map(row).collect();
        Section::new("Verdict, from validation alone", 2, &["Column", "Verdict"], rows)
            .remark(
                "Test images are not used. Intervals are of 95 % and cover all soups of a column at once.",
            )
            .remark(CROSS_FITTED)
    }

    /// The sections of [`Table::to_markdown`] after the verdicts, in order, without empty ones.
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
pub(crate) fn notes(cell: &Cell, score: Option<&Score>) -> String {
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
    let tests = |at: usize| table.rows().iter().filter_map(move |row| row.cells[at].test.as_ref());
    Section::of_methods(format!("Test: {backbone}"), table.methods(), columns)
        .remark("Bold: best of the column; underlined: second best.")
        .chance(table.columns_of(backbone).map(|(at, _)| tests(at).find_map(|test| test.chance.level)))
        .about_collapsed()
}

fn test_field(cell: &Cell) -> Field {
    let test = cell.test.as_ref();
    let value = test.and_then(|test| Some(format::marked(test.value.value()?, test.chance)));
    Field::because(value, notes(cell, test))
}

/// Every cell of every column of a backbone, for sections with a row for each cell.
fn cells<'a>(table: &'a Table, backbone: &str) -> impl Iterator<Item = (&'a Column, &'a Row, &'a Cell)> {
    table
        .columns_of(backbone)
        .flat_map(|(at, column)| table.rows().iter().map(move |row| (column, row, &row.cells[at])))
}

fn intervals(table: &Table, backbone: &str) -> Section {
    let fitted = cells(table, backbone).any(|(.., cell)| cell.cross_fitted.is_some());
    let row = |(column, row, cell): (&Column, &Row, &Cell)| {
        let interval = cell.test.as_ref().and_then(|score| score.interval.as_ref());
        let dropped = interval.filter(|interval| interval.dropped > 0).map(|interval| {
            let dropped = format::count(interval.dropped as u64);
            format!("{dropped} resamples dropped: the metric is undefined on them")
        });
        let mut fields = vec![
            Field::from(column.title()),
            Field::from(row.method.as_str()),
            Field::from(cell.validation.map(|value| format::marked(value, cell.chance))),
        ];
        if fitted {
            fields.push(Field::from(cell.cross_fitted.map(format::value)));
            fields.push(Field::from(cell.optimism().map(format::difference)));
        }
        fields.extend([
            test_field(cell),
            Field::because(interval.map(format::interval), dropped.unwrap_or_default()),
            Field::from(cell.test.as_ref().map(format::samples)),
        ]);
        fields
    };
    let heading = format!("Validation and test, with intervals: {backbone}");
    let mut head = vec!["Dataset", "Method", "Validation"];
    head.extend(fitted.then_some(["Cross-fitted", "Optimism"]).into_iter().flatten());
    head.extend(["Test", "Interval", "Test samples"]);
    let scores = cells(table, backbone).filter_map(|(.., cell)| cell.test.as_ref());
    Section::new(heading, 2, &head, cells(table, backbone).map(row).collect())
        .remarks(about_intervals(scores))
        .remarks(fitted.then_some([CROSS_FITTED, OPTIMISM]).into_iter().flatten())
        .remarks(table.columns_of(backbone).flat_map(|(at, column)| counts(table, at, column)))
        .about_collapsed()
}

/// Says how many images of each class, or positive ones of each task, a column's scores depend on.
fn counts(table: &Table, at: usize, column: &Column) -> Vec<String> {
    let scores = || table.rows().iter().filter_map(|row| row.cells[at].test.as_ref());
    let (what, each) = match scores().any(|score| !score.outputs.is_empty()) {
        true => ("positive ", "task"),
        false => ("", "class"),
    };
    let said = |split: &str, counts: &[(String, u64)]| {
        let said = || format!("{}: {what}{split} images by {each}{}.", column.dataset, listed(counts));
        (!counts.is_empty()).then(said)
    };
    let test = scores().map(|score| &score.counts).find(|counts| !counts.is_empty());
    let name = |nth: usize| column.counts.get(nth).map_or(String::new(), |of| of.0.clone());
    let test: Vec<(String, u64)> =
        test.into_iter().flatten().enumerate().map(|(nth, &count)| (name(nth), count)).collect();
    let validation = said("validation", &column.counts)
        .map(|said| said + &few_images(column).map_or(String::new(), |few| format!(" {few}")));
    validation.into_iter().chain(said("test", &test)).collect()
}

/// Names the classes or tasks of a column with few validation images; `None` if there are none.
pub(crate) fn few_images(column: &Column) -> Option<String> {
    let few: Vec<&str> =
        column.counts.iter().filter(|of| of.1 < FEW_SAMPLES).map(|of| of.0.as_str()).collect();
    let which = match few.len() {
        0 => return None,
        1..=MANY => few.join(", "),
        many => format!("{many} classes or tasks"),
    };
    Some(format!("Fewer than {FEW_SAMPLES} of {which}: scores depend on single images."))
}

/// Lists numbers of images after their names, if these are known: of many classes, the rarest.
fn listed(counts: &[(String, u64)]) -> String {
    let of =
        |(name, count): &(String, u64)| format!("{name} {}", format::count(*count)).trim_start().to_owned();
    if counts.len() <= MANY {
        return format!(": {}", counts.iter().map(of).join(", "));
    }
    let rarest = counts.iter().sorted_by_key(|of| of.1).take(MANY).map(of).join(", ");
    format!(", the {MANY} rarest of {}: {rarest}", counts.len())
}

fn ood(table: &Table, backbone: &str) -> Section {
    let sets = table
        .columns_of(backbone)
        .flat_map(|(at, column)| column.ood.iter().enumerate().map(move |(nth, set)| (at, column, nth, set)));
    let scores =
        |at: usize, nth: usize| table.rows().iter().map(move |row| row.cells[at].ood[nth].1.as_ref());
    let levels = sets.clone().map(|(at, _, nth, _)| scores(at, nth).flatten().find_map(|of| of.chance.level));
    let columns = sets.clone().map(|(at, column, nth, set)| {
        let cells = table.rows().iter().map(|row| &row.cells[at]).zip(scores(at, nth));
        let values: Vec<_> = scores(at, nth).map(rankable).collect();
        let fields =
            cells.map(|(cell, score)| Field::because(score.and_then(format::score), notes(cell, score)));
        let title = format!("{} → {set} ({})", column.dataset, column.metric.title());
        (title, marked(fields, ranks(&values)))
    });
    Section::of_methods(format!("Out of distribution: {backbone}"), table.methods(), columns)
        .remark("Columns: trained on → scored on. These scores were not used for selection.")
        .chance(levels)
        .about_collapsed()
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
