//! Checks of the rows and columns of a table over seeds.

use crate::error::Error;
use crate::published::INMERGE;
use crate::seeds::data::{SeedCell, SeedColumn, SeedRow};
use crate::shape::{check_metric, check_rows};

pub(super) fn check(columns: &[SeedColumn], rows: &[SeedRow], baseline: Option<usize>) -> Result<(), Error> {
    check_rows(rows.iter().map(|row| (row.method.as_str(), row.cells.len())), columns.len())?;
    if let Some(found) = baseline.filter(|&row| row >= rows.len()) {
        return Err(Error::Baseline { rows: rows.len(), found });
    }
    columns.iter().try_for_each(check_published_dataset)?;
    for row in rows {
        if let Some(name) = row.paper_row.as_ref().filter(|name| INMERGE.method(name).is_none()) {
            return Err(Error::NotPublished { place: format!("row {:?}", row.method), name: name.clone() });
        }
        for (cell, column) in row.cells.iter().zip(columns) {
            let scores = cell.runs.iter().filter_map(|run| run.test.as_ref());
            check_metric(&row.method, column.name(), column.metric, scores)?;
            check_cell(&row.method, column, cell)?;
        }
    }
    Ok(())
}

fn check_published_dataset(column: &SeedColumn) -> Result<(), Error> {
    let Some(name) = &column.paper_dataset else { return Ok(()) };
    let place = || format!("column {}", column.name());
    match column.published_dataset() {
        None => Err(Error::NotPublished { place: place(), name: name.clone() }),
        Some(dataset) if dataset.metric != column.metric => {
            Err(Error::NotPublished { place: place(), name: format!("{name} by {}", column.metric) })
        }
        Some(_) => Ok(()),
    }
}

fn check_cell(method: &str, column: &SeedColumn, cell: &SeedCell) -> Result<(), Error> {
    for (at, run) in cell.runs.iter().enumerate() {
        if cell.runs[..at].iter().any(|other| other.seed == run.seed) {
            return Err(Error::Seed { method: method.to_owned(), column: column.name(), seed: run.seed });
        }
        // Scores in records of older versions have no tasks.
        let found = run.test.as_ref().map_or(0, |score| score.outputs.len());
        if found > 0 && found != column.tasks.len() {
            let expected = column.tasks.len();
            return Err(Error::Tasks { method: method.to_owned(), column: column.name(), expected, found });
        }
    }
    Ok(())
}
