//! Checks that rows and columns form a table.

use ff_eval::{Metric, Score};

use crate::error::Error;

/// Checks that names of rows are unique, and that each row has one cell for each column.
///
/// `rows` gives the name and the number of cells of each row.
pub(crate) fn check_rows<'a>(
    rows: impl Iterator<Item = (&'a str, usize)> + Clone,
    columns: usize,
) -> Result<(), Error> {
    for (at, (method, cells)) in rows.clone().enumerate() {
        if rows.clone().take(at).any(|(other, _)| other == method) {
            return Err(Error::Duplicate { method: method.to_owned() });
        }
        if cells != columns {
            return Err(Error::Cells { method: method.to_owned(), expected: columns, found: cells });
        }
    }
    Ok(())
}

/// Checks that all scores of a cell have the metric of its column.
pub(crate) fn check_metric<'a>(
    method: &str,
    column: String,
    expected: Metric,
    mut scores: impl Iterator<Item = &'a Score>,
) -> Result<(), Error> {
    match scores.find(|score| score.metric != expected) {
        Some(score) => {
            Err(Error::Metric { method: method.to_owned(), column, expected, found: score.metric })
        }
        None => Ok(()),
    }
}
