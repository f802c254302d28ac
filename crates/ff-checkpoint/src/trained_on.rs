//! The data that weights were trained and selected on, as their provenance records it.
//!
//! The provenance of weights names the data and split of their own run, and those of all weights
//! that they come from. So a selection, a prediction or a table can refuse weights that were
//! trained on its images under another split, however many averages and runs are in between.

use serde_json::{Map, Value};

use crate::state_dict::StateDict;

/// Returns the data that weights and all their ancestors were trained and selected on.
///
/// The values are those of the recipe in the provenance: that of `data`, then those of
/// `trained_on`. Empty for a file without provenance.
pub fn trained_on(weights: &StateDict) -> Vec<Value> {
    let Ok(made) = weights.provenance() else { return Vec::new() };
    let own = made.recipe.get("data").filter(|data| data.is_object());
    let before = made.recipe.get("trained_on").and_then(Value::as_array);
    own.into_iter().chain(before.into_iter().flatten()).cloned().collect()
}

/// Adds a field `trained_on` to the recipe of new weights: the data of their parents.
///
/// Each value is listed once; the recipe's own `data` is left out. Without other data no field is
/// added.
pub fn note_trained_on(recipe: &mut Map<String, Value>, seen: impl IntoIterator<Item = Value>) {
    let mut before: Vec<Value> = Vec::new();
    for data in seen {
        if Some(&data) != recipe.get("data") && !before.contains(&data) {
            before.push(data);
        }
    }
    if !before.is_empty() {
        recipe.insert("trained_on".to_owned(), before.into());
    }
}
