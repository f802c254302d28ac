//! Reading a plan's records.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::job::{Cost, JobId, JobOutput, JobSpec, Record};
use crate::plan::Records;

impl<'a> Records<'a> {
    /// The record of a job, if it can run and has.
    pub(crate) fn of(self, id: &str) -> Result<Option<Record>, Error> {
        match self.plan.job(id) {
            Some(job) if job.blocked.is_none() => self.runs.record(job),
            _ => Ok(None),
        }
    }

    /// What came out of a job, if it can run and has.
    pub(crate) fn output(self, id: &str) -> Result<Option<JobOutput>, Error> {
        Ok(self.of(id)?.map(|record| record.output))
    }

    /// The score of an evaluation; none if it is not done, or its run diverged.
    pub(crate) fn score(self, id: &str) -> Result<Option<ff_eval::Score>, Error> {
        Ok(self.of(id)?.and_then(|record| record.score().ok().cloned()))
    }

    /// Images that were left out of the predictions that an evaluation scored.
    pub(crate) fn skipped(self, evaluation: &str) -> Result<usize, Error> {
        let input = self.plan.job(evaluation).and_then(|job| job.predictions().ok());
        let Some(input) = input else { return Ok(0) };
        Ok(match self.output(input)? {
            Some(JobOutput::Predictions { skipped, .. }) => skipped.len(),
            _ => 0,
        })
    }

    /// Images that runs of training could not read and left out.
    pub(crate) fn skipped_in_training(self, ids: &[JobId]) -> Result<usize, Error> {
        let mut names = BTreeSet::new();
        for id in ids {
            if let Some(JobOutput::Training(outcome)) = self.output(id)? {
                names.extend(outcome.history.into_iter().flat_map(|epoch| epoch.skipped));
            }
        }
        Ok(names.len())
    }

    /// What the given jobs cost together with every job behind them, each counted once, from the
    /// pretrained weights on.
    pub(crate) fn cost(self, roots: impl Iterator<Item = &'a str>) -> Result<ff_report::Cost, Error> {
        let mut behind = BTreeSet::new();
        let mut queue: Vec<&str> = roots.collect();
        while let Some(id) = queue.pop() {
            if let Some(job) = self.plan.job(id)
                && !matches!(job.spec, JobSpec::Pretrain(_))
                && behind.insert(id)
            {
                queue.extend(job.inputs.iter().map(JobId::as_str));
            }
        }
        let (mut cost, mut seconds) = (Cost::default(), 0.0);
        for id in behind {
            if let Some(record) = self.of(id)? {
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
}
