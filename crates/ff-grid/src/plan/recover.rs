//! Recovery of records whose data is missing.
//!
//! A job's identity contains its data's digest, so without the images the identity is unknown. For
//! a report the only record with the job's label, inputs and specification is then taken, and the
//! report says what is missing.

use std::collections::HashMap;

use serde_json::Value;

use crate::config::{DatasetEntry, EvaluationConfig};
use crate::job::{DataSource, Job, JobId, JobSpec, Jobs, Record, Start};

/// The jobs of a plan, of which some were found by their records alone.
pub struct Recovered<'a> {
    records: &'a [Record],
    /// The plan's jobs, with found jobs in place of blocked ones, followed by jobs that were not in
    /// the plan.
    pub(super) jobs: Vec<Job>,
    /// Identities on record, by the identities in the plan.
    names: HashMap<JobId, JobId>,
}

impl<'a> Recovered<'a> {
    /// Searches the record of every blocked job, and replaces the job by what it found.
    pub(super) fn of(jobs: &Jobs, records: &'a [Record]) -> Self {
        let mut found = Self { records, jobs: Vec::new(), names: HashMap::new() };
        for mut job in jobs.iter().cloned() {
            let inputs: Vec<JobId> = job.inputs.iter().map(|id| found.name(id)).collect();
            if job.blocked.is_some()
                && let Some(record) = found.only(&job.label, &inputs, |spec| alike(spec, &job.spec))
            {
                found.names.insert(job.id.clone(), record.id.clone());
                let (id, spec) = (record.id.clone(), record.spec.clone());
                job = Job { id, spec, inputs, blocked: None, ..job };
            }
            found.jobs.push(job);
        }
        found
    }

    /// Returns the identity that a planned job has on record, or its own if it was not found.
    pub fn name(&self, id: &JobId) -> JobId {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Returns the record of a job, if it is done.
    pub fn record(&self, id: &str) -> Option<&'a Record> {
        self.records.iter().find(|record| *record.id == *id)
    }

    /// Returns the record if exactly one fits.
    fn only(&self, label: &str, inputs: &[JobId], fits: impl Fn(&JobSpec) -> bool) -> Option<&'a Record> {
        let mut all = self
            .records
            .iter()
            .filter(|record| record.label == label && record.inputs == inputs && fits(&record.spec));
        all.next().filter(|_| all.next().is_none())
    }

    /// Adds the records of the predictions with these inputs and of their score as jobs, and
    /// returns the score's identity.
    pub fn score(
        &mut self,
        label: &str,
        inputs: &[JobId],
        dataset: &DatasetEntry,
        evaluation: &EvaluationConfig,
        data: DataSource,
    ) -> Option<JobId> {
        let is_prediction = |spec: &JobSpec| matches!(spec, JobSpec::Predict { .. });
        let predicted = self.only(&format!("{label}: predict"), inputs, is_prediction)?;
        let EvaluationConfig { resamples, seed } = *evaluation;
        let wanted = JobSpec::Evaluate { metric: dataset.metric, resamples, seed };
        let scored = self
            .only(&format!("{label}: score"), std::slice::from_ref(&predicted.id), |spec| *spec == wanted)?;
        for record in [predicted, scored] {
            self.jobs.push(Job {
                id: record.id.clone(),
                label: record.label.clone(),
                spec: record.spec.clone(),
                inputs: record.inputs.clone(),
                data: data.clone(),
                weights: None,
                optimizer: None,
                place: None,
                fields: Default::default(),
                cost: record.cost,
                blocked: None,
                remarks: record.remarks.clone(),
                kernels: false,
            });
        }
        Some(scored.id.clone())
    }
}

/// Returns true if two specifications differ only in their data and in the digest of a missing file
/// of weights.
fn alike(one: &JobSpec, other: &JobSpec) -> bool {
    let starts = [one, other].map(|spec| spec.training().map(|training| &training.start));
    let same_start = match starts {
        [
            Some(Start::File { digest: a, seed: one, .. }),
            Some(Start::File { digest: b, seed: other, .. }),
        ] => one == other && (a == b || [a, b].iter().any(|digest| *digest == Start::UNKNOWN)),
        [one, other] => one == other,
    };
    let rest = |spec: &JobSpec| {
        let mut value = serde_json::to_value(spec.canonical()).expect("recipes are plain data");
        for key in ["data", "start", "outputs", "groups"] {
            value[key] = Value::Null;
        }
        if let Some(model) = value.get_mut("model") {
            model["outputs"] = Value::Null;
        }
        // Of a forecast, which a soup may depend on.
        if let Some(evaluation) = value.get_mut("evaluation") {
            evaluation["data"] = Value::Null;
            evaluation["model"]["outputs"] = Value::Null;
        }
        value
    };
    same_start && rest(one) == rest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(digest: &str, outputs: usize, batch: usize) -> JobSpec {
        let model = format!(
            r#"{{"architecture":"resnet_pico","outputs":{outputs},"image_size":16,"precision":"fp32"}}"#
        );
        let data = format!(r#"{{"digest":"{digest}","split":"{digest}"}}"#);
        let evaluation =
            format!(r#"{{"model":{model},"data":{data},"metric":"accuracy","recalibrate":{batch}}}"#);
        serde_json::from_str(&format!(r#"{{"kind":"forecast","evaluation":{evaluation},"barrier":true}}"#))
            .unwrap()
    }

    #[test]
    fn forecasts_of_missing_data_are_found() {
        let record = forecast("1f", 6, 8);
        assert!(alike(&record, &forecast("missing shapes", 1, 8)));
        assert!(!alike(&record, &forecast("1f", 6, 16)));
    }
}
