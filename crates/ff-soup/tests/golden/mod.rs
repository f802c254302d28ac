//! Golden files of the folder tests/golden.

use ff_soup::StateDict;

/// Opens `FOLDER/golden.safetensors`.
pub fn open(folder: &str) -> StateDict {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    StateDict::open(format!("{root}/{folder}/golden.safetensors")).unwrap()
}

/// The tensors whose names start with a prefix, without it.
pub fn part(file: &StateDict, prefix: &str) -> StateDict {
    let tensors = file.iter().filter_map(|(name, tensor)| {
        name.strip_prefix(prefix).map(|name| (name.to_owned(), tensor.to_owned()))
    });
    StateDict::from_tensors(tensors.collect())
}
