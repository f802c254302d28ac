//! What rows must have in common to stand in one table.

use ff_eval::{Metric, Score};

use crate::error::Error;

/// Every row, a name and its number of cells, is named once and has a cell for each column.
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

/// Every score of a cell is by its column's metric.
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
