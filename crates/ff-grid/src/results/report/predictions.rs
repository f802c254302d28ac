//! The predictions of an evaluation.

use ff_eval::Predictions;
use ff_train::predictions_of;

use crate::job::JobOutput;
use crate::plan::Records;

impl Records<'_> {
    /// Opens the predictions that an evaluation scored; the error says why there are none.
    pub(crate) fn scored_predictions(self, evaluation: &str) -> Result<Predictions, String> {
        let job = self.predicts(evaluation).ok_or("not planned")?;
        let record = self.of(&job.id).map_err(|error| error.to_string())?.ok_or("not predicted yet")?;
        match &record.output {
            JobOutput::Predictions { file, .. } => {
                let file = self.runs.open(job, file).map_err(|error| error.to_string())?;
                predictions_of(&file).map_err(|error| error.to_string())
            }
            _ => Err(format!("no predictions: {} diverged", record.diverged().unwrap_or(&record.label))),
        }
    }
}
