//! Calibration and thresholds of a soup, by its predictions of the validation images.

use ff_checkpoint::StateDict;
use ff_eval::Decision;
use ff_train::predictions_of;

use super::columns::SoupsTable;
use crate::error::Error;
use crate::job::{Job, SoupRecord};
use crate::store::RunStore;

impl SoupsTable {
    /// Fits the decision of a soup, whose weights are open. Returns it with notes on what could not be
    /// fitted.
    pub(super) fn decision(
        &self,
        runs: &RunStore,
        job: &Job,
        soup: &SoupRecord,
        names: &[String],
    ) -> Result<(Decision, Vec<String>), Error> {
        let predictions = predictions_of(&runs.open(job, &soup.predictions)?)?;
        Ok(self.config.decision.fit(names, &predictions))
    }
}

/// Returns the names of the outputs that a file of weights records.
pub(super) fn recorded_classes(weights: &StateDict) -> Option<Vec<String>> {
    let names = weights.provenance().ok()?.recipe.get("classes")?.clone();
    serde_json::from_value(names).ok()
}
