//! Reading a plan's records.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::job::{Cost, JobId, JobOutput, JobSpec, Record};
use crate::plan::Plan;
use crate::store::RunStore;

/// The record of a job, if it can run and has.
pub(crate) fn record(plan: &Plan, runs: &RunStore, id: &str) -> Result<Option<Record>, Error> {
    match plan.job(id) {
        Some(job) if job.blocked.is_none() => runs.record(job),
        _ => Ok(None),
    }
}

/// The score of an evaluation; none if it is not done, or its run diverged.
pub(crate) fn score(plan: &Plan, runs: &RunStore, id: &str) -> Result<Option<ff_eval::Score>, Error> {
    Ok(record(plan, runs, id)?.and_then(|record| record.score().ok().cloned()))
}

/// Images that were left out of the predictions that an evaluation scored.
pub(crate) fn skipped(plan: &Plan, runs: &RunStore, evaluation: &str) -> Result<usize, Error> {
    let input = plan.job(evaluation).and_then(|job| job.predictions().ok());
    let Some(input) = input else { return Ok(0) };
    Ok(match record(plan, runs, input)?.map(|record| record.output) {
        Some(JobOutput::Predictions { skipped, .. }) => skipped.len(),
        _ => 0,
    })
}

/// Images that runs of training could not read and left out.
pub(crate) fn skipped_in_training(plan: &Plan, runs: &RunStore, ids: &[JobId]) -> Result<usize, Error> {
    let mut names = BTreeSet::new();
    for id in ids {
        if let Some(Record { output: JobOutput::Training(outcome), .. }) = record(plan, runs, id)? {
            names.extend(outcome.history.into_iter().flat_map(|epoch| epoch.skipped));
        }
    }
    Ok(names.len())
}

/// What the given jobs cost together with every job behind them, each counted once, from the pretrained weights on.
pub(crate) fn cost<'a>(
    plan: &'a Plan,
    runs: &RunStore,
    roots: impl Iterator<Item = &'a str>,
) -> Result<ff_report::Cost, Error> {
    let mut behind = BTreeSet::new();
    let mut queue: Vec<&str> = roots.collect();
    while let Some(id) = queue.pop() {
        if let Some(job) = plan.job(id)
            && !matches!(job.spec, JobSpec::Pretrain(_))
            && behind.insert(id)
        {
            queue.extend(job.inputs.iter().map(JobId::as_str));
        }
    }
    let (mut cost, mut seconds) = (Cost::default(), 0.0);
    for id in behind {
        if let Some(record) = record(plan, runs, id)? {
            cost += record.cost;
            seconds += record.seconds;
        }
    }
    Ok(ff_report::Cost {
        training_epochs: cost.epochs,
        training_images: cost.train_images,
        validation_passes: cost.evaluations,
        validation_images: cost.evaluated_images,
        wall_seconds: Some(seconds),
    })
}
