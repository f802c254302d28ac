//! Which data weights have seen, as their provenance says.

use serde_json::{Map, Value};

use crate::state_dict::StateDict;

/// The data that weights, and those that they come from, were trained and selected on, as the
/// recipes in their provenance name it: the value of `data`, then those of `trained_on`. Nothing of
/// a file without provenance.
pub fn trained_on(weights: &StateDict) -> Vec<Value> {
    let Ok(made) = weights.provenance() else { return Vec::new() };
    let own = made.recipe.get("data").filter(|data| data.is_object());
    let before = made.recipe.get("trained_on").and_then(Value::as_array);
    own.into_iter().chain(before.into_iter().flatten()).cloned().collect()
}

/// Notes in the recipe of new weights what those that they come from were trained on, each once,
/// but for the recipe's own `data`; nothing where there is nothing else.
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
