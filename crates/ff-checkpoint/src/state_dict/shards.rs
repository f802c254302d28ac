//! Weights in several files, with an index that says which tensor is in which.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Map;

use super::{Entry, StateDict};
use crate::error::Error;
use crate::form::COPY_AGAIN;
use crate::read::read_small;

/// Maximum bytes of an index, some 100 for each tensor.
const MAX_INDEX: u64 = 1 << 26;

/// An index, without the fields that are not needed.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

impl StateDict {
    /// Maps the files of an index, as [`of_file`](Self::of_file) maps one.
    pub(super) fn of_shards(index: &Path) -> Result<Self, Error> {
        let (mut blocks, mut entries, mut saved_with) = (Vec::new(), BTreeMap::new(), Map::new());
        for (file, mut names) in shards(index)? {
            let path = index.with_file_name(file);
            let wrong = |found: String| Err(Error::not_weights(&path, found, COPY_AGAIN));
            let shard = Self::of_file(&path)?;
            let content = Arc::into_inner(shard.content).expect("a file that was just mapped has no clone");
            for (name, entry) in content.entries {
                if !names.remove(&name) {
                    return wrong(format!("tensor `{name}`, which {} does not name for it", index.display()));
                }
                entries.insert(name, Entry { block: blocks.len() + entry.block, ..entry });
            }
            if let Some(name) = names.first() {
                return wrong(format!("no tensor `{name}`, which {} names for it", index.display()));
            }
            blocks.extend(content.blocks);
            saved_with.extend(Arc::unwrap_or_clone(shard.saved_with));
        }
        Ok(Self { saved_with: Arc::new(saved_with), ..Self::new(blocks, entries) })
    }
}

/// Returns the names of the tensors in each file of an index.
fn shards(index: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let text = read_small(index, MAX_INDEX).map_err(Error::io(index, "read this file"))?;
    let Index { weight_map } = serde_json::from_slice(&text).map_err(|error| Error::json(index, error))?;
    let mut shards: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, file) in weight_map {
        if Path::new(&file).file_name() != Some(OsStr::new(&file)) {
            let found = format!("tensor `{name}` in `{file}`, which is no name of a file beside it");
            return Err(Error::not_weights(index, found, COPY_AGAIN));
        }
        shards.entry(file).or_default().insert(name);
    }
    Ok(shards)
}
