//! Checks of counts and numbers.

use crate::error::Error;

/// More epochs than anybody trains.
const EPOCHS: usize = 1_000_000;

pub(crate) fn check_counts<K: std::fmt::Display>(
    counts: impl IntoIterator<Item = (K, usize)>,
) -> Result<(), Error> {
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(Error::Config(format!("{key}: expected at least 1, found 0"))),
        None => Ok(()),
    }
}

/// At least one, and not more than anybody trains.
pub(crate) fn check_epochs<K: std::fmt::Display>(
    epochs: impl IntoIterator<Item = (K, u32)>,
) -> Result<(), Error> {
    epochs.into_iter().try_for_each(|(key, epochs)| {
        check_counts([(&key, epochs as usize)])?;
        check_limits([(&key, epochs as usize, EPOCHS)])
    })
}

/// Upper limits: what is beyond them would end in the middle of the work, for want of memory or
/// time.
pub(crate) fn check_limits<K: std::fmt::Display>(
    limits: impl IntoIterator<Item = (K, usize, usize)>,
) -> Result<(), Error> {
    match limits.into_iter().find(|(_, found, most)| found > most) {
        Some((key, found, most)) => {
            Err(Error::Config(format!("{key}: expected at most {most}, found {found}")))
        }
        None => Ok(()),
    }
}

pub(crate) fn check_numbers(numbers: impl IntoIterator<Item = (&'static str, f64)>) -> Result<(), Error> {
    match numbers.into_iter().find(|(_, number)| !number.is_finite() || *number < 0.0) {
        Some((key, number)) => {
            Err(Error::Config(format!("{key}: expected a finite number of 0 or more, found {number}")))
        }
        None => Ok(()),
    }
}
