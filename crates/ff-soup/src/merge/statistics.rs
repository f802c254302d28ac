//! The statistics of one tensor in every model.

use super::method::{Needs, Parts, Statistics};
use crate::error::Error;

/// The values of a tensor's statistics in one model: 32-bit floats, little endian, of a mapped file.
pub(super) type Values<'a> = &'a [[u8; 4]];

/// Checks that there are statistics of every model, and of tensors that the models have.
///
/// # Errors
/// [`Error::Method`] for the method of this name; [`Error::Empty`] without models.
pub(super) fn check(parts: &Parts<'_>, method: &str, kind: Statistics) -> Result<(), Error> {
    let first = parts.first()?;
    if parts.statistics.len() != parts.models.len() {
        return Err(Needs::Statistics(kind).missing(method));
    }
    let is_of_models = parts.statistics[0].names().any(|name| first.get(name).is_some());
    is_of_models.then_some(()).ok_or_else(|| Error::Method {
        name: method.to_owned(),
        reason: "expected statistics under the names of the models' weights, found none\nhint: \
                 compute the statistics of these models"
            .to_owned(),
    })
}

/// Returns the statistics of a tensor in each model; `None` if no model has any, as for buffers.
///
/// # Errors
/// Statistics of some models only, of another type or shape.
pub(super) fn of_tensor<'a>(
    parts: &Parts<'a>,
    name: &str,
    shape: &[usize],
) -> Result<Option<Vec<Values<'a>>>, String> {
    let mut found = Vec::with_capacity(parts.statistics.len());
    for (at, statistics) in parts.statistics.iter().enumerate() {
        let Some(tensor) = statistics.get(name) else { continue };
        if tensor.dtype != ff_checkpoint::Dtype::F32 || tensor.shape != shape {
            return Err(format!(
                "statistics of model {}: expected F32 {shape:?}, found {} {:?}",
                at + 1,
                tensor.dtype,
                tensor.shape
            ));
        }
        found.push(tensor.data.as_chunks().0);
    }
    match found.len() {
        0 => Ok(None),
        count if count == parts.statistics.len() => Ok(Some(found)),
        count => {
            let expected = parts.statistics.len();
            Err(format!("expected statistics in each of {expected} models, found them in {count}"))
        }
    }
}

/// Reads a value.
pub(super) fn value(bytes: [u8; 4]) -> f64 {
    f32::from_le_bytes(bytes).into()
}
