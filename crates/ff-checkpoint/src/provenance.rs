//! The provenance of a weight file.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// How a weight file was made: what is needed to identify it and to make it again.
///
/// It is part of the metadata of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The kind of job that made it: `probe`, `finetune`, `fgg`, `soup`, ….
    pub kind: String,
    /// The resolved recipe, with the value of every default.
    pub recipe: serde_json::Value,
    /// The weights that it was made from.
    pub parents: Vec<Parent>,
    /// The digest of the images and labels that it was trained or selected on.
    pub data: Option<String>,
    /// The version of the software.
    pub code_version: String,
}

impl Provenance {
    /// Weights that this version of the software made, without parents and data.
    pub fn new(kind: impl Into<String>, recipe: serde_json::Value) -> Self {
        let code_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { kind: kind.into(), recipe, parents: Vec::new(), data: None, code_version }
    }
}

/// Weights that other weights were made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Its name in the recipe or the grid.
    pub id: String,
    /// The digest of its content.
    pub digest: Digest,
    /// Its share of a soup, in (0, 1]; absent where training started from the weights.
    pub weight: Option<f64>,
}
