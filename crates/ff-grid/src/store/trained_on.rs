//! Which images, divided how, weights have seen.

use ff_checkpoint::StateDict;

use crate::job::DataIdentity;

/// The datasets that weights, and those that they come from, were trained and selected on, as their
/// provenance says; nothing of a file from elsewhere.
pub fn trained_on(weights: &StateDict) -> Vec<DataIdentity> {
    ff_checkpoint::trained_on(weights)
        .into_iter()
        .filter_map(|data| serde_json::from_value(data).ok())
        .collect()
}

/// Why weights that were trained on `seen` must not meet `data`, if they must not: they know the
/// same images in another division, so any part may hold images that they were trained on.
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
    use ff_checkpoint::{OwnedTensor, Provenance, note_trained_on};
    use serde_json::{Map, json};

    use super::*;

    fn data(digest: &str, split: &str) -> DataIdentity {
        DataIdentity { digest: digest.into(), split: split.into() }
    }

    #[test]
    fn what_ancestors_have_seen_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let (own, before) = (data("images", "one"), data("images", "two"));
        let mut recipe = Map::from_iter([("data".to_owned(), json!(own))]);
        note_trained_on(&mut recipe, [&own, &before, &before].map(|data| json!(data)));
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
