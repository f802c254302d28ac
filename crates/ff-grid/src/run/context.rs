//! What every job needs besides itself.

use std::sync::Arc;

use ff_checkpoint::{Parent, Provenance};
use ff_train::CancelToken;
use tch::Device;

use crate::catalog::{Catalog, OpenDataset};
use crate::config::RunConfig;
use crate::error::Error;
use crate::job::{DataIdentity, Job, Jobs, VERSION};
use crate::store::{Claims, RunStore};

/// Everything a job needs besides itself.
#[derive(Clone)]
pub struct JobContext<'a> {
    /// The graph it is part of.
    pub jobs: &'a Jobs,
    /// How jobs are run.
    pub run: &'a RunConfig,
    /// The datasets.
    pub catalog: &'a Catalog,
    /// Where results go.
    pub runs: &'a RunStore,
    /// Who else is at work there.
    pub claims: &'a Claims,
    /// Asks everything to stop.
    pub stop: CancelToken,
    /// Where tensors live.
    pub device: Device,
}

impl JobContext<'_> {
    /// A job's dataset, checked to be the one that was planned with.
    pub(crate) fn data(&self, job: &Job, identity: &DataIdentity) -> Result<Arc<OpenDataset>, Error> {
        let data = self.catalog.open(&job.data).map_err(Error::Job)?;
        if data.identity == *identity {
            Ok(data)
        } else {
            Err(Error::Job("its data is not what it was planned with".into()))
        }
    }

    /// A job of the plan.
    pub(crate) fn planned(&self, id: &str) -> Result<&Job, Error> {
        self.jobs.find(id).ok_or_else(|| Error::Job(format!("job {id} is not in the plan")))
    }

    pub(super) fn provenance(
        &self,
        job: &Job,
        parents: Vec<Parent>,
        data: &OpenDataset,
    ) -> Result<Provenance, Error> {
        let mut recipe =
            serde_json::to_value(job.spec.canonical()).map_err(|error| Error::Job(error.to_string()))?;
        // For whoever has the file alone: what its outputs mean, and what a hierarchy can group it
        // by.
        recipe["classes"] = serde_json::json!(data.dataset.task().names());
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
