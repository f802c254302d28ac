//! The trait of merge methods, and merging one tensor at a time.

use ff_checkpoint::{OwnedTensor, StateDict, map_on_cores};

use crate::error::Error;

/// A method that merges parts, and a base where it needs one, into one set of weights.
///
/// Parts have the same keys, shapes and types, and finite values.
pub trait MergeMethod: Sync {
    /// The method's name in records.
    fn name(&self) -> &str;

    /// The method's settings in records, from which [`MergeKind::new`] makes it again.
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    /// Merges the parts.
    ///
    /// The same parts in the same order must give the same bits, whatever the number of threads.
    ///
    /// # Errors
    /// [`Error::Merge`], which names the tensor; [`Error::Empty`] without parts.
    fn merge(&self, parts: &[&StateDict], base: Option<&StateDict>) -> Result<StateDict, Error>;
}

/// A merge method that a recipe, a record or a command can name.
#[derive(Clone, Copy, Debug)]
pub struct MergeKind {
    /// The method's name.
    pub name: &'static str,
    /// A description with its reference, for `--help`.
    pub about: &'static str,
    /// True if it needs a base: the weights that its parts were fine-tuned from.
    pub needs_base: bool,
    /// Creates the method from its settings, or returns what is wrong with them.
    pub new: fn(&serde_json::Value) -> Result<Box<dyn MergeMethod>, String>,
}

/// The values of one float tensor in all parts and in the base.
pub struct TensorParts<'a> {
    /// The tensor's name.
    pub name: &'a str,
    /// The tensor's shape.
    pub shape: &'a [usize],
    /// The values in each part, row-major.
    pub parts: Vec<Vec<f64>>,
    /// The values in the base, row-major; absent without a base.
    pub base: Option<Vec<f64>>,
}

/// Merges weights tensor by tensor, one tensor on each core at a time.
///
/// `merge` returns the values of one tensor. They are rounded once, to the parts' type. Tensors
/// that are not floats are those of the first part. Memory: the result, and for each core one
/// tensor of all parts in 64-bit floats.
///
/// # Errors
/// [`Error::Empty`] without parts; [`Error::Merge`] for a tensor for which `merge` fails or returns
/// values that are not finite or not of the tensor's size.
pub fn tensor_by_tensor(
    parts: &[&StateDict],
    base: Option<&StateDict>,
    merge: impl Fn(TensorParts<'_>) -> Result<Vec<f64>, String> + Sync,
) -> Result<StateDict, Error> {
    let first = parts.first().ok_or(Error::Empty)?;
    let values = |weights: &StateDict, name: &str| {
        weights
            .get(name)
            .and_then(|tensor| tensor.to_f64())
            .ok_or("expected floats in every part and in the base")
    };
    let merged = map_on_cores(first.iter(), |(name, tensor)| {
        let one = || -> Result<OwnedTensor, String> {
            if !tensor.is_float() {
                return Ok(tensor.to_owned());
            }
            let of_parts = parts.iter().map(|part| values(part, name)).collect::<Result<_, _>>()?;
            let base = base.map(|base| values(base, name)).transpose()?;
            let found = merge(TensorParts { name, shape: tensor.shape, parts: of_parts, base })?;
            match found.len() == tensor.elements() && found.iter().all(|value| value.is_finite()) {
                true => Ok(OwnedTensor::rounded(tensor.dtype, tensor.shape, &found)),
                false => {
                    let finite = found.iter().filter(|value| value.is_finite()).count();
                    let (expected, found) = (tensor.elements(), found.len());
                    Err(format!("expected {expected} finite values, found {found}, {finite} of them finite"))
                }
            }
        };
        let one = one().map_err(|reason| Error::Merge { tensor: name.to_owned(), reason });
        one.map(|tensor| (name.to_owned(), tensor))
    });
    // Of several errors the first tensor's is returned, whatever the order of the threads.
    Ok(StateDict::from_tensors(merged.into_iter().collect::<Result<_, _>>()?))
}
