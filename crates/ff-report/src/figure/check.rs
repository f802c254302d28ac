//! Checks of plots before they are drawn.

use crate::error::Error;

/// Checks that there is one point for each position.
pub(super) fn check_points(figure: &str, series: &str, expected: usize, found: usize) -> Result<(), Error> {
    match expected == found {
        true => Ok(()),
        false => Err(Error::Points { figure: figure.into(), series: series.into(), expected, found }),
    }
}

/// Checks that no number is NaN or infinite.
pub(super) fn check_finite(
    figure: &str,
    of: &str,
    mut numbers: impl Iterator<Item = f64>,
) -> Result<(), Error> {
    match numbers.find(|number| !number.is_finite()) {
        None => Ok(()),
        Some(found) => {
            Err(Error::NotFinite { figure: figure.into(), of: of.into(), found: found.to_string() })
        }
    }
}

/// Checks that there is something to draw.
pub(super) fn check_any(figure: &str, any: bool) -> Result<(), Error> {
    if any { Ok(()) } else { Err(Error::NoPoint { figure: figure.into() }) }
}

/// Checks the numbers of rows and columns of a matrix; `row` names a row in errors.
pub(super) fn check_matrix(
    figure: &str,
    (rows, columns): (usize, usize),
    values: &[Vec<Option<f64>>],
    row: impl Fn(usize) -> String,
) -> Result<(), Error> {
    check_points(figure, "the rows", rows, values.len())?;
    let mut found = values.iter().enumerate();
    found.try_for_each(|(at, values)| check_points(figure, &row(at), columns, values.len()))
}
