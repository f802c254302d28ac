//! Validation predictions that training saved next to weights.
//!
//! `ff-soup select` uses them in place of an evaluation. That is safe because the file of
//! predictions names, in its provenance, the digest of the weights, the model and the data.

use ff_checkpoint::StateDict;
use ff_eval::Predictions;
use ff_grid::DataIdentity;
use ff_models::Spec;
use ff_train::predictions_of;

/// Returns the validation predictions that are saved next to weights, as `NAME.val.safetensors`.
///
/// `None` unless they are predictions by exactly these weights, with this model, on this data and
/// split. A file that cannot be read counts as absent.
pub fn validation_predictions(weights: &StateDict, spec: &Spec, data: &DataIdentity) -> Option<Predictions> {
    let file = StateDict::open(weights.path()?.with_extension("val.safetensors")).ok()?;
    let found = file.provenance().ok()?;
    let [parent] = found.parents.as_slice() else { return None };
    let says = |key: &str, value: serde_json::Value| found.recipe.get(key) == Some(&value);
    let same = parent.digest == *weights.digest()
        && says("model", serde_json::to_value(spec).ok()?)
        && says("data", serde_json::to_value(data).ok()?);
    if same { predictions_of(&file).ok() } else { None }
}
