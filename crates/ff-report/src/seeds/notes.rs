//! Notes on cells.

use ff_eval::Value;

use crate::format;
use crate::seeds::data::{SeedCell, SeedColumn, SeedRun};

/// The notes on a cell, such as why it has no value.
///
/// A note that does not apply to every run names the seeds of its runs.
pub(super) fn of_cell(cell: &SeedCell, column: &SeedColumn) -> String {
    let mut notes: Vec<String> = cell.note.iter().cloned().collect();
    if cell.runs.is_empty() && notes.is_empty() {
        notes.push("no result".to_owned());
    }
    notes.extend(by_seed(cell, |run| of_run(run, cell, column)));
    notes.join("; ")
}

/// The notes on one task of a cell, such as why it has no value.
pub(super) fn of_task(cell: &SeedCell, column: &SeedColumn, task: usize) -> String {
    if cell.runs.iter().all(|run| run.test.is_none()) {
        return of_cell(cell, column);
    }
    let notes = by_seed(cell, |run| match run.test.as_ref().map(|score| score.outputs.get(task)) {
        Some(Some(of)) => match &of.value {
            Value::Undefined(why) => vec![with_names(why, column)],
            Value::Defined(_) => Vec::new(),
        },
        Some(None) => vec!["tasks not on record".to_owned()],
        None => Vec::new(), // the note on the average says why
    });
    notes.join("; ")
}

/// The notes on one run of a cell.
///
/// A run without a score gets no note if the cell has one, which is expected to explain it.
pub(super) fn of_run(run: &SeedRun, cell: &SeedCell, column: &SeedColumn) -> Vec<String> {
    match &run.test {
        Some(score) => format::notes(score).map(|note| with_names(&note, column)).collect(),
        None if cell.note.is_none() => vec!["no result".to_owned()],
        None => Vec::new(),
    }
}

/// Replaces "output 2:" in a note of `ff-eval`, which does not know the names of tasks.
pub(super) fn with_names(note: &str, column: &SeedColumn) -> String {
    let name = |note: String, (at, task): (usize, &String)| {
        note.replace(&format!("output {at}:"), &format!("{task}:"))
    };
    column.tasks.iter().enumerate().fold(note.to_owned(), name)
}

fn by_seed(cell: &SeedCell, notes: impl Fn(&SeedRun) -> Vec<String>) -> Vec<String> {
    let mut seeds_of: Vec<(String, Vec<String>)> = Vec::new();
    for run in &cell.runs {
        for note in notes(run) {
            match seeds_of.iter_mut().find(|(known, _)| *known == note) {
                Some((_, seeds)) => seeds.push(run.seed.to_string()),
                None => seeds_of.push((note, vec![run.seed.to_string()])),
            }
        }
    }
    let say = |(note, seeds): (String, Vec<String>)| match seeds.len() {
        all if all == cell.runs.len() => note,
        1 => format!("{note} (seed {})", seeds[0]),
        _ => format!("{note} (seeds {})", seeds.join(", ")),
    };
    seeds_of.into_iter().map(say).collect()
}
