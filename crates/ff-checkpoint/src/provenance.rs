//! How a file of weights came to be.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Written into the metadata of every file: enough to say what it is, and to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What made it: `probe`, `finetune`, `fgg`, `soup`, ….
    pub kind: String,
    /// The resolved recipe, with nothing left to a default.
    pub recipe: serde_json::Value,
    /// The weights it was made from.
    pub parents: Vec<Parent>,
    /// Digest of the images and labels it was trained or selected on.
    pub data: Option<String>,
    /// Version of the software.
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
    /// Its content.
    pub digest: Digest,
    /// Its share of a soup, in (0, 1]; absent where weights were trained on, not averaged.
    pub weight: Option<f64>,
}
