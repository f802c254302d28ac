//! The section of the tasks of a multilabel dataset.

use ff_eval::Spread;

use crate::format::{self, NOTHING};
use crate::published::{INMERGE, PublishedModel, same};
use crate::rank::ranks;
use crate::section::{Field, Section, marked};
use crate::seeds::notes;
use crate::seeds::table::SeedTable;

/// Creates a section with a column for each task, then their average; empty without tasks.
///
/// For the paper's ChestX-ray14, the rows of its Table 1 precede ours.
pub(super) fn section(table: &SeedTable, at: usize) -> Section {
    let column = &table.columns()[at];
    let paper = column.published_dataset().is_some_and(|of| of.label == "ChestX-ray14");
    let heading = format!("Tasks: {} ({})", column.name(), column.metric.title());
    if column.tasks.is_empty() {
        return Section::of_methods(heading, std::iter::empty(), []);
    }
    let cells = || table.rows().iter().map(|row| &row.cells[at]);
    let mean = |of: Option<Spread>| of.map(|of| of.mean);
    let tasks = column.tasks.iter().enumerate().map(|(nth, task)| {
        let means: Vec<_> = cells().map(|cell| mean(cell.task(nth))).collect();
        let fields = cells()
            .zip(&means)
            .map(|(cell, mean)| Field::because(mean.map(format::value), notes::of_task(cell, column, nth)));
        let title = if paper { abbreviated(task) } else { task.clone() };
        (title, marked(fields, ranks(&means)))
    });
    let averages = cells()
        .map(|cell| Field::because(mean(cell.test()).map(format::value), notes::of_cell(cell, column)));
    let average = ("Average".to_owned(), marked(averages, table.ranks(at)));
    let mut section = Section::of_methods(heading, table.methods(), tasks.chain([average]))
        .remark("Means over seeds. Bold: best of the column; underlined: second best.");
    if paper {
        section.rows.splice(..0, INMERGE.models.iter().map(|row| published(row, &column.tasks)));
        section.remarks.extend(about_published(&column.tasks));
    }
    section
}

/// The paper's abbreviation of a task, so that fourteen fit on a page.
fn abbreviated(task: &str) -> String {
    INMERGE.task(task).map_or_else(|| task.to_owned(), |at| INMERGE.tasks[at].head.clone())
}

fn published(row: &PublishedModel, tasks: &[String]) -> Vec<Field> {
    let of_task = |task: &String| INMERGE.task(task).map(|at| row.tasks[at]);
    let values = tasks.iter().map(of_task).chain([Some(row.average)]);
    let texts = values.map(|value| value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.3}")));
    [format!("{} (published)", row.name)].into_iter().chain(texts).map(Field::from).collect()
}

fn about_published(tasks: &[String]) -> [String; 3] {
    let heads = INMERGE.tasks.iter().filter(|of| tasks.iter().any(|task| same(task, &of.name)));
    let heads: Vec<_> = heads.map(|of| format!("{}: {}", of.head, of.name.replace('_', " "))).collect();
    [
        format!("{}.", heads.join(", ")),
        "Published rows are results of their authors, possibly on other splits, and are not ranked. Their average is over \
         14 diseases."
            .to_owned(),
        format!("Published: {}.", INMERGE.source),
    ]
}
