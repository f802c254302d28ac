//! The tasks of a multilabel dataset, one by one.

use crate::format::{self, NOTHING};
use crate::published::{INMERGE, PublishedModel, same};
use crate::rank::ranks;
use crate::section::{Field, Section};
use crate::seeds::data::SeedRow;
use crate::seeds::notes;
use crate::seeds::table::SeedTable;

/// Tasks as columns, then their average; without rows if the column has no tasks. If it is the paper's ChestX-ray14,
/// Table 1 of the paper stands above our rows.
pub(super) fn section(table: &SeedTable, at: usize) -> Section {
    let column = &table.columns()[at];
    let paper = column.published_dataset().is_some_and(|of| of.label == "ChestX-ray14");
    let names = column.tasks.iter().map(|task| if paper { abbreviated(task) } else { task.clone() });
    let titles = names.chain(["Average".to_owned()]);
    let heading = format!("Tasks: {} ({})", column.name(), column.metric.title());
    if column.tasks.is_empty() {
        return Section::of_methods(heading, titles, std::iter::empty());
    }
    let marks = |task: usize| {
        let mean = |row: &SeedRow| row.cells[at].task(task).map(|of| of.mean);
        let means: Vec<_> = table.rows().iter().map(mean).collect();
        ranks(&means, column.metric.higher_is_better())
    };
    let marks: Vec<_> = (0..column.tasks.len()).map(marks).collect();
    let averages = table.ranks(at);
    let ours = table.rows().iter().enumerate().map(|(nth, row)| {
        let cell = &row.cells[at];
        let of_task = |(task, marks): (usize, &Vec<_>)| {
            let text = cell.task(task).map(|of| format::value(of.mean));
            Field { mark: marks[nth], ..Field::because(text, notes::of_task(cell, column, task)) }
        };
        let text = cell.test().map(|of| format::value(of.mean));
        let average = Field { mark: averages[nth], ..Field::because(text, notes::of_cell(cell, column)) };
        (row.method.as_str(), marks.iter().enumerate().map(of_task).chain([average]).collect())
    });
    let mut section = Section::of_methods(heading, titles, ours)
        .remark("Means over seeds. Bold: best of the column; underlined: second best.");
    if paper {
        section.rows.splice(..0, INMERGE.models.iter().map(|row| published(row, &column.tasks)));
        section.remarks.extend(about_published(&column.tasks));
    }
    section
}

/// The paper's head of a task, so that fourteen fit on a page.
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
        "Published rows were trained and scored by their authors, on splits that need not be ours, and have no marks; \
         their average is over 14 diseases."
            .to_owned(),
        format!("Published: {}.", INMERGE.source),
    ]
}
