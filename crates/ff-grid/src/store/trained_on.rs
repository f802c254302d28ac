//! Which images, divided how, weights have seen.

use ff_checkpoint::StateDict;
use serde_json::{Map, Value};

use crate::job::DataIdentity;

/// The datasets that weights, and those that they come from, were trained and selected on, as their provenance says;
/// nothing of a file from elsewhere.
pub fn trained_on(weights: &StateDict) -> Vec<DataIdentity> {
    let Ok(made) = weights.provenance() else { return Vec::new() };
    let one = |value: &Value| serde_json::from_value(value.clone()).ok();
    let own = made.recipe.get("data").and_then(one);
    let before = made.recipe.get("trained_on").and_then(Value::as_array);
    own.into_iter().chain(before.into_iter().flatten().filter_map(one)).collect()
}

/// Notes in the recipe of new weights what those that they come from were trained on, each once, but for the recipe's own
/// `data`; nothing where there is nothing else.
pub fn note_trained_on(recipe: &mut Map<String, Value>, seen: impl IntoIterator<Item = DataIdentity>) {
    let own = recipe.get("data").and_then(|data| serde_json::from_value(data.clone()).ok());
    let mut before: Vec<DataIdentity> = Vec::new();
    for data in seen {
        if Some(&data) != own.as_ref() && !before.contains(&data) {
            before.push(data);
        }
    }
    if !before.is_empty() {
        recipe.insert("trained_on".to_owned(), serde_json::json!(before));
    }
}

/// Why weights that were trained on `seen` must not meet `data`, if they must not: they know the same images in another
/// division, so any part may hold images that they were trained on.
pub fn other_split(seen: &[DataIdentity], data: &DataIdentity) -> Option<&'static str> {
    let torn = |seen: &DataIdentity| seen.digest == data.digest && seen.split != data.split;
    seen.iter().any(torn).then_some(
        "trained on these images in another division, so validation and test may hold images that it was trained on",
    )
}

/// What helps against [`other_split`].
pub const OTHER_SPLIT_HINT: &str =
    "hint: give the division it was trained with, or --allow-other-split, which is noted beside every result";

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, Provenance};

    use super::*;

    fn data(digest: &str, split: &str) -> DataIdentity {
        DataIdentity { digest: digest.into(), split: split.into() }
    }

    #[test]
    fn what_ancestors_have_seen_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let (own, before) = (data("images", "one"), data("images", "two"));
        let mut recipe = Map::from_iter([("data".to_owned(), serde_json::json!(own))]);
        note_trained_on(&mut recipe, [own.clone(), before.clone(), before.clone()]);
        let provenance = Provenance {
            kind: "finetune".into(),
            recipe: recipe.into(),
            parents: vec![],
            data: None,
            code_version: String::new(),
        };
        let weights = StateDict::from_tensors([("w".to_owned(), OwnedTensor::f32([1], &[1.0]))].into());
        weights.save(&path, Some(&provenance)).unwrap();
        let seen = trained_on(&StateDict::open(&path).unwrap());
        assert_eq!(seen, [own.clone(), before]);
        assert!(other_split(&seen, &own).is_some(), "an ancestor saw another division");
        assert!(other_split(&seen[..1], &own).is_none());
        assert!(other_split(&seen, &data("others", "one")).is_none());
        assert_eq!(trained_on(&weights), []);
    }
}
