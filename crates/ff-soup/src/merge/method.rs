//! What a merge method is.

use ff_checkpoint::{OwnedTensor, StateDict, map_on_cores};

use crate::error::Error;

/// A way for parts, and a base where it needs one, to become weights. Parts have the same keys,
/// shapes and types, and finite values.
pub trait MergeMethod: Sync {
    /// Its name, as records have it.
    fn name(&self) -> &str;

    /// Its settings as records have them: with them and its name [`MergeKind::new`] makes it again.
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    /// The merged weights; the same bits for the same parts in the same order, however many threads
    /// there are.
    ///
    /// # Errors
    /// [`Error::Merge`], which names the tensor.
    fn merge(&self, parts: &[&StateDict], base: Option<&StateDict>) -> Result<StateDict, Error>;
}

/// A method that a recipe, a record or a command can name.
#[derive(Clone, Copy, Debug)]
pub struct MergeKind {
    /// Its name.
    pub name: &'static str,
    /// What it is, and its reference, for `--help`.
    pub about: &'static str,
    /// Whether it needs a base: the weights that its parts were fine-tuned from.
    pub needs_base: bool,
    /// Makes one from its settings, or says what is wrong with them.
    pub new: fn(&serde_json::Value) -> Result<Box<dyn MergeMethod>, String>,
}

/// One tensor of floats in every part.
pub struct TensorParts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Each part's values, row by row.
    pub parts: Vec<Vec<f64>>,
    /// The base's.
    pub base: Option<Vec<f64>>,
}

/// Merges one tensor after the other, several at a time on as many cores: memory for the result,
/// and for a few tensors of all parts in 64 bits. Values are rounded once, to the parts' type;
/// tensors that are not floats are the first part's.
///
/// # Errors
/// [`Error::Empty`] without parts; what `merge` says of a tensor, as [`Error::Merge`].
pub fn tensor_by_tensor(
    parts: &[&StateDict],
    base: Option<&StateDict>,
    merge: impl Fn(TensorParts<'_>) -> Result<Vec<f64>, String> + Sync,
) -> Result<StateDict, Error> {
    let first = parts.first().ok_or(Error::Empty)?;
    let values = |weights: &StateDict, name: &str| {
        weights.get(name).and_then(|tensor| tensor.to_f64()).ok_or("a part lacks it, or has no floats there")
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
                false => Err(format!("expected {} finite values, found others", tensor.elements())),
            }
        };
        let one = one().map_err(|reason| Error::Merge { tensor: name.to_owned(), reason });
        one.map(|tensor| (name.to_owned(), tensor))
    });
    // Of several errors it is the first tensor's, however threads went.
    Ok(StateDict::from_tensors(merged.into_iter().collect::<Result<_, _>>()?))
}
