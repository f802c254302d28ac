//! Merge methods. Each method is a file of this folder and an entry in [`METHODS`].

pub(crate) mod accumulator;
pub(crate) mod blocks;
mod cholesky;
mod dare;
mod fisher;
mod line;
pub(crate) mod linear;
mod magnitudes;
pub(crate) mod mean;
mod method;
mod rebasin;
mod regmean;
mod statistics;
mod stock;
mod task_arithmetic;
mod task_vectors;
mod ties;
pub(crate) mod vector;

use crate::error::Error;

pub use blocks::{Block, Tensor, block_by_block, is_statistic};
pub use dare::{Dare, DareRule};
pub use fisher::Fisher;
pub use line::Line;
pub use linear::{LayerCoefficients, Linear};
pub use mean::Mean;
pub use method::{MergeKind, MergeMethod, Needs, Parts, Statistics};
pub use rebasin::{Rebasin, UnitGroups};
pub use regmean::RegMean;
pub use stock::Stock;
pub use task_arithmetic::TaskArithmetic;
pub use ties::Ties;

/// The merge methods that a recipe or a command can name.
pub const METHODS: [MergeKind; 10] = [
    mean::KIND,
    linear::KIND,
    line::KIND,
    stock::KIND,
    task_arithmetic::KIND,
    ties::KIND,
    dare::KIND,
    fisher::KIND,
    regmean::KIND,
    rebasin::KIND,
];

/// Finds the method of this name in `more` or [`METHODS`].
///
/// # Errors
/// [`Error::Method`] for an unknown name.
pub(crate) fn kind(name: &str, more: &[MergeKind]) -> Result<MergeKind, Error> {
    more.iter().chain(&METHODS).find(|kind| kind.name == name).copied().ok_or_else(|| {
        let known = more.iter().chain(&METHODS).map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let reason = format!("unknown name, expected one of {known}");
        Error::Method { name: name.to_owned(), reason }
    })
}

/// Creates the method of this name with its settings.
pub(crate) fn method(
    name: &str,
    settings: &serde_json::Value,
    more: &[MergeKind],
) -> Result<(MergeKind, Box<dyn MergeMethod>), Error> {
    let kind = kind(name, more)?;
    let made = (kind.new)(settings).map_err(|reason| Error::Method { name: name.to_owned(), reason })?;
    Ok((kind, made))
}
