//! Merge methods. Each method is a file of this folder and an entry in [`METHODS`].

pub(crate) mod mean;
mod method;

use crate::error::Error;

pub use mean::Mean;
pub use method::{MergeKind, MergeMethod, TensorParts, tensor_by_tensor};

/// The merge methods that a recipe or a command can name.
pub const METHODS: [MergeKind; 1] = [mean::KIND];

/// Creates the method of this name with its settings, from `more` or [`METHODS`].
pub(crate) fn method(
    name: &str,
    settings: &serde_json::Value,
    more: &[MergeKind],
) -> Result<(MergeKind, Box<dyn MergeMethod>), Error> {
    let kind = more.iter().chain(&METHODS).find(|kind| kind.name == name);
    let Some(kind) = kind else {
        let known = more.iter().chain(&METHODS).map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let reason = format!("unknown name, expected one of {known}");
        return Err(Error::Method { name: name.to_owned(), reason });
    };
    let made = (kind.new)(settings).map_err(|reason| Error::Method { name: name.to_owned(), reason })?;
    Ok((*kind, made))
}
