//! What an evaluation scored.

use ff_eval::Predictions;
use ff_train::predictions_of;

use crate::job::JobOutput;
use crate::plan::Plan;
use crate::results::read::record;
use crate::store::RunStore;

/// The predictions that an evaluation scored, or why there are none.
pub(crate) fn scored_predictions(
    plan: &Plan,
    runs: &RunStore,
    evaluation: &str,
) -> Result<Predictions, String> {
    let job =
        plan.job(evaluation).and_then(|job| plan.job(job.predictions().ok()?)).ok_or("it is not planned")?;
    let record =
        record(plan, runs, &job.id).map_err(|error| error.to_string())?.ok_or("not predicted yet")?;
    match &record.output {
        JobOutput::Predictions { file, .. } => {
            let file = runs.open(job, file).map_err(|error| error.to_string())?;
            predictions_of(&file).map_err(|error| error.to_string())
        }
        _ => Err(format!("no predictions: {} diverged", record.diverged().unwrap_or(&record.label))),
    }
}
