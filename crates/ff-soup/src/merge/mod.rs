//! How models become one. A method is a file here and a row of [`METHODS`].

pub(crate) mod mean;
mod method;

use crate::error::Error;

pub use mean::Mean;
pub use method::{MergeKind, MergeMethod, TensorParts, tensor_by_tensor};

/// Every method that a recipe or a command can name.
pub const METHODS: [MergeKind; 1] = [mean::KIND];

/// The method of that name with its settings, among `more` and [`METHODS`].
pub(crate) fn method(
    name: &str,
    settings: &serde_json::Value,
    more: &[MergeKind],
) -> Result<(MergeKind, Box<dyn MergeMethod>), Error> {
    let kind = more.iter().chain(&METHODS).find(|kind| kind.name == name);
    let Some(kind) = kind else {
        let known = more.iter().chain(&METHODS).map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        return Err(Error::Method {
            name: name.to_owned(),
            reason: format!("expected one of those that are known, {known}"),
        });
    };
    let made = (kind.new)(settings).map_err(|reason| Error::Method { name: name.to_owned(), reason })?;
    Ok((*kind, made))
}
