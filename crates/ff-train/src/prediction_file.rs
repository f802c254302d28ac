//! Predictions in files.

use std::collections::BTreeMap;
use std::path::Path;

use ff_checkpoint::{Digest, OwnedTensor, Provenance, StateDict};
use ff_eval::{NamedTensor, Predictions, Values};

use crate::error::Error;

/// Writes predictions: `logits` `[N, C]` f32, `targets` `[N]` i64 or `[N, C]` f32 with NaN for
/// unknown and, if the samples are in groups, `groups` `[N]` i64. Returns the digest of the file's
/// content.
pub fn save_predictions(
    path: &Path,
    predictions: &Predictions,
    provenance: Option<&Provenance>,
) -> Result<Digest, Error> {
    let tensors = prediction_tensors(predictions);
    let named = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor));
    let file = StateDict::from_tensors(named.collect());
    file.save(path, provenance)?;
    Ok(*file.digest())
}

/// Reads predictions that [`save_predictions`] or another program wrote, and checks their digest if
/// the file has one.
pub fn load_predictions(path: &Path) -> Result<Predictions, Error> {
    predictions_of(&StateDict::open(path)?)
}

/// Reads the predictions in an open file.
///
/// # Errors
/// [`Error::File`] for a file with other content.
pub fn predictions_of(file: &StateDict) -> Result<Predictions, Error> {
    let path = file.path().unwrap_or(Path::new("(in memory)"));
    predictions_from(file, "").map_err(|reason| Error::File { path: path.to_owned(), reason })
}

pub(crate) fn prediction_tensors(predictions: &Predictions) -> BTreeMap<&'static str, OwnedTensor> {
    let owned = |(name, shape, values)| {
        let tensor = match values {
            Values::Floats(values) => OwnedTensor::f32(shape, &values),
            Values::Integers(values) => OwnedTensor::i64(shape, &values),
            Values::Other => unreachable!("predictions are floats and integers"),
        };
        (name, tensor)
    };
    predictions.to_tensors().into_iter().map(owned).collect()
}

/// Reads the predictions in the tensors whose names start with `prefix`.
pub(crate) fn predictions_from(file: &StateDict, prefix: &str) -> Result<Predictions, String> {
    let tensor = |name: &str| {
        let found = file.get(&format!("{prefix}{name}"))?;
        Some(NamedTensor::new(found.dtype, found.shape, found.to_i64(), found.to_f32()))
    };
    Predictions::from_tensors(tensor).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        let predictions =
            Predictions::new(vec![0.0, 1.0, 2.0, 0.0], 2, ff_eval::Targets::Classes(vec![0, 1])).unwrap();
        for predictions in [predictions.clone(), predictions.with_groups(vec![7, 7]).unwrap()] {
            save_predictions(&path, &predictions, None).unwrap();
            assert_eq!(load_predictions(&path).unwrap(), predictions);
        }
    }
}
