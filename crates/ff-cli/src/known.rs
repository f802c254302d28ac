//! What training left beside weights: their predictions of the validation images.

use ff_checkpoint::StateDict;
use ff_eval::Predictions;
use ff_grid::DataIdentity;
use ff_models::Spec;
use ff_train::predictions_of;

/// The validation predictions of weights, if a training run left them beside the file
/// (`NAME.val.safetensors`) and they are of these very weights, by a model of this form, on these
/// images in this division. Anything else is as if there were none.
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
