//! The record of one run of `ff-train`.

use std::path::Path;

use anyhow::bail;
use ff_checkpoint::{Provenance, read_sealed};
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
        if !path.exists() {
            return Ok(None);
        }
        let record: Self = read_sealed(path)?;
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
