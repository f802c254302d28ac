//! The environment of a job.

use std::sync::Arc;

use ff_checkpoint::{Parent, Provenance};
use ff_soup::Ingredient;
use ff_train::{CancelToken, task_kind};
use tch::Device;

use crate::catalog::{Catalog, OpenDataset};
use crate::config::RunConfig;
use crate::error::Error;
use crate::job::{DataIdentity, Job, Jobs, VERSION};
use crate::store::{Claims, RunStore};

/// The environment of a job: its graph, data, runs folder and device.
#[derive(Clone)]
pub struct JobContext<'a> {
    /// The graph that the job is part of.
    pub jobs: &'a Jobs,
    /// How jobs are run.
    pub run: &'a RunConfig,
    /// The datasets.
    pub catalog: &'a Catalog,
    /// The runs folder for results.
    pub runs: &'a RunStore,
    /// Claims of folders, which other processes share.
    pub claims: &'a Claims,
    /// Cancels all jobs of the process.
    pub stop: CancelToken,
    /// The device to compute on.
    pub device: Device,
}

impl JobContext<'_> {
    /// Opens a job's dataset, and checks that it has not changed since planning.
    pub(crate) fn data(&self, job: &Job, identity: &DataIdentity) -> Result<Arc<OpenDataset>, Error> {
        let data = self.catalog.open(&job.data).map_err(Error::Job)?;
        if data.identity == *identity {
            return Ok(data);
        }
        let (what, expected, found) = if data.identity.digest == identity.digest {
            ("split", &identity.split, &data.identity.split)
        } else {
            ("dataset", &identity.digest, &data.identity.digest)
        };
        Err(Error::Job(format!(
            "{what} changed since planning: expected digest {expected}, found {found}\n\
             hint: run the same command again to plan with the changed {what}"
        )))
    }

    /// Finds a job of the plan.
    pub(crate) fn planned(&self, id: &str) -> Result<&Job, Error> {
        self.jobs.find(id).ok_or_else(|| Error::Job(format!("job {id} is not in the plan")))
    }

    /// Opens the model that a run saved, under the run's label.
    pub(super) fn model_of(&self, id: &str) -> Result<Ingredient, Error> {
        let run = self.planned(id)?;
        let weights = self.runs.open(run, self.runs.done(run)?.weights()?)?;
        Ok(Ingredient { id: run.label.clone(), weights, fields: run.fields.clone() })
    }

    pub(super) fn provenance(
        &self,
        job: &Job,
        parents: Vec<Parent>,
        data: &OpenDataset,
    ) -> Result<Provenance, Error> {
        let mut recipe =
            serde_json::to_value(job.spec.canonical()).map_err(|error| Error::Job(error.to_string()))?;
        // For users of the file alone: the meaning of its outputs, and the fields to group it by.
        recipe["classes"] = serde_json::json!(data.dataset.task().names());
        recipe["task"] = serde_json::json!(task_kind(data.dataset.task()));
        if !job.fields.is_empty() {
            recipe["fields"] = serde_json::json!(job.fields);
        }
        Ok(Provenance {
            kind: job.spec.kind().to_owned(),
            recipe,
            parents,
            data: Some(data.identity.digest.clone()),
            code_version: VERSION.to_owned(),
        })
    }
}
