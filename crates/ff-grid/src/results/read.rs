//! Queries of a plan's records.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::job::{Cost, Job, JobId, JobOutput, JobSpec, Record, SoupRecord};
use crate::plan::Records;

impl<'a> Records<'a> {
    /// Reads the record of a job; `None` if the job is blocked or not done.
    pub(crate) fn of(self, id: &str) -> Result<Option<Record>, Error> {
        match self.plan.job(id) {
            Some(job) if job.blocked.is_none() => self.runs.record(job),
            _ => Ok(None),
        }
    }

    /// Reads the result of a job; `None` if the job is blocked or not done.
    pub(crate) fn output(self, id: &str) -> Result<Option<JobOutput>, Error> {
        Ok(self.of(id)?.map(|record| record.output))
    }

    /// Reads the score of an evaluation; `None` if it is not done, or its run diverged.
    pub(crate) fn score(self, id: &str) -> Result<Option<ff_eval::Score>, Error> {
        Ok(self.of(id)?.and_then(|record| record.score().ok().cloned()))
    }

    /// Returns the job whose predictions an evaluation scores; `None` if either is not planned.
    pub(crate) fn predicts(self, evaluation: &str) -> Option<&'a Job> {
        self.plan.job(self.plan.job(evaluation)?.predictions().ok()?)
    }

    /// Counts the unreadable images that are left out of the predictions of an evaluation.
    pub(crate) fn skipped(self, evaluation: &str) -> Result<usize, Error> {
        let Some(job) = self.predicts(evaluation) else { return Ok(0) };
        Ok(match self.output(&job.id)? {
            Some(JobOutput::Predictions { skipped, .. }) => skipped.len(),
            _ => 0,
        })
    }

    /// Counts the unreadable images that training runs left out.
    pub(crate) fn skipped_in_training(self, ids: &[JobId]) -> Result<usize, Error> {
        let mut names = BTreeSet::new();
        for id in ids {
            if let Some(JobOutput::Training(outcome)) = self.output(id)? {
                names.extend(outcome.history.into_iter().flat_map(|epoch| epoch.skipped));
            }
        }
        Ok(names.len())
    }

    /// Sums the cost of jobs and of all jobs that they depend on, each once. Pretraining is not
    /// included.
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
        let (mut cost, mut seconds, mut fitting) = (Cost::default(), 0.0, 0);
        for id in behind {
            if let Some(record) = self.of(id)? {
                cost += record.cost;
                seconds += record.seconds;
                if let JobOutput::Soup(SoupRecord { cross_fitted: Some(of), .. }) = &record.output {
                    fitting += of.evaluated_images;
                }
            }
        }
        Ok(ff_report::Cost {
            training_epochs: cost.epochs,
            training_images: cost.train_images,
            validation_passes: cost.evaluations,
            validation_images: cost.evaluated_images,
            cross_fitting_images: fitting,
            wall_seconds: Some(seconds),
        })
    }
}
