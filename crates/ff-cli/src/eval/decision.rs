//! What a model's file says of its outputs.

use std::path::Path;

use anyhow::Context;
use ff_checkpoint::{Digest, StateDict};
use ff_eval::Decision;

/// What a model's file says of its outputs.
#[derive(Default)]
pub(crate) struct ModelRecord {
    /// The names of the classes or tasks; empty if unknown.
    pub classes: Vec<String>,
    /// The calibration and the operating points.
    pub decision: Option<Decision>,
    /// The digest of the weights.
    pub digest: Option<Digest>,
}

impl ModelRecord {
    /// Reads the record of a model, a file or a folder that holds one.
    ///
    /// # Errors
    /// Weights that cannot be read, or that this software has not written.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let weights = StateDict::open(path)?;
        let recipe = &weights.provenance()?.recipe;
        let classes = recipe.get("classes").cloned().map(serde_json::from_value).transpose();
        let decision = recipe.get(Decision::KEY).cloned().map(serde_json::from_value).transpose();
        let place = || format!("{}: the record of its outputs", path.display());
        Ok(Self {
            classes: classes.with_context(place)?.unwrap_or_default(),
            decision: decision.with_context(place)?,
            digest: Some(*weights.digest()),
        })
    }
}
