//! The record of one run of `ff-train`.

use std::path::Path;

use anyhow::{Context, bail};
use ff_checkpoint::Provenance;
use ff_grid::group_fields;
use ff_train::{Outcome, TrainConfig};
use serde::{Deserialize, Serialize};

/// `outcome.json`: a run is done when it is there.
#[derive(Serialize, Deserialize)]
pub struct RunRecord {
    /// How the weights came to be.
    pub provenance: Provenance,
    /// How the run ended.
    pub outcome: Outcome,
}

impl RunRecord {
    /// How the run ended, if it is done.
    pub fn finished(path: &Path, provenance: &Provenance) -> anyhow::Result<Option<Outcome>> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| path.display().to_string())?,
        };
        let record: Self =
            serde_json::from_str(&text).with_context(|| format!("{}: damaged record", path.display()))?;
        let same = record.provenance.recipe == provenance.recipe && record.provenance.data == provenance.data;
        if !same {
            bail!(
                "{}: this folder holds a run of another recipe or other data\nhint: give the recipe another name",
                path.display()
            );
        }
        Ok(Some(record.outcome))
    }
}

/// What a hierarchy can group the run's models by.
pub fn fields_of(train: &TrainConfig) -> serde_json::Value {
    serde_json::json!(group_fields(train.schedule.highest(), train.augment, train.seed))
}
