//! The data that weights were trained on, and the check against another split of it.
//!
//! The provenance of weights lists the data and split of their run, and of all weights that they
//! come from (`trained_on`). So a selection, a prediction or a table can refuse weights that were
//! trained on its images in another split, after any number of averages and runs.

use ff_checkpoint::StateDict;

use crate::job::DataIdentity;

/// Returns the datasets that weights and their ancestors were trained and selected on, from their
/// provenance. Empty for files of other programs.
pub fn trained_on(weights: &StateDict) -> Vec<DataIdentity> {
    ff_checkpoint::trained_on(weights)
        .into_iter()
        .filter_map(|data| serde_json::from_value(data).ok())
        .collect()
}

/// Returns the reason to refuse weights that were trained on `seen` for `data`, if there is one:
/// the same images in another split, of which validation and test may contain training images.
pub fn other_split(seen: &[DataIdentity], data: &DataIdentity) -> Option<&'static str> {
    let differs = |seen: &DataIdentity| seen.digest == data.digest && seen.split != data.split;
    seen.iter().any(differs).then_some(
        "trained on these images in another split, so validation and test may contain training images",
    )
}

/// The hint that goes with the reason that [`other_split`] returns.
pub const OTHER_SPLIT_HINT: &str =
    "hint: use the split of its training, or --allow-other-split, which every result then notes";

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, Provenance, note_trained_on};
    use serde_json::{Map, json};

    use super::*;

    fn data(digest: &str, split: &str) -> DataIdentity {
        DataIdentity { digest: digest.into(), split: split.into() }
    }

    #[test]
    fn data_of_ancestors_counts() {
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
        assert!(other_split(&seen, &own).is_some(), "an ancestor was trained on another split");
        assert!(other_split(&seen[..1], &own).is_none());
        assert!(other_split(&seen, &data("others", "one")).is_none());
        assert_eq!(trained_on(&weights), []);
    }
}
