//! Finding what was done with data that is not there any more.

use crate::job::JobId;
use std::collections::HashMap;

use serde_json::Value;

use super::columns::OodScore;
use super::planned::{Plan, PlannedTable};
use crate::config::{DatasetEntry, EvaluationConfig};
use crate::job::{DataSource, Job, JobSpec, Jobs, Record, Start};

impl Plan {
    /// A job's identity holds its data's digest, so that without the data nobody knows which record is whose. This looks for
    /// the one record that has the job's label, inputs, and recipe but for the data (and the digest of a file of weights that is
    /// not there either), and takes it
    /// for the job's; if there are several, none. Nothing is to be run with such a plan. What is not there stays among
    /// [`Plan::missing`].
    pub fn recover(&mut self, records: &[Record]) {
        self.missed = self.missing();
        let mut found = Match { records, jobs: Vec::new(), names: HashMap::new() };
        for job in self.jobs.iter_mut() {
            let inputs: Vec<JobId> = job.inputs.iter().map(|id| found.name(id)).collect();
            if job.blocked.is_none() {
                continue;
            }
            if let Some(record) = found.only(&job.label, &inputs, |spec| alike(spec, &job.spec)) {
                found.names.insert(job.id.clone(), record.id.clone());
                let (id, spec) = (record.id.clone(), record.spec.clone());
                *job = Job { id, spec: spec, inputs, blocked: None, ..job.clone() };
            }
        }
        match &mut self.table {
            PlannedTable::Soups(config, columns) => {
                for column in columns {
                    let (dataset, backbone) =
                        (&config.dataset[column.dataset], &config.backbone[column.backbone]);
                    let all = column.methods.iter_mut().chain(&mut column.singles);
                    for (method, jobs) in config.methods_and_singles().iter().zip(all) {
                        jobs.soup = found.name(&jobs.soup);
                        jobs.pool.iter_mut().for_each(|id| *id = found.name(id));
                        let label = format!("{} {}: {}", dataset.name, backbone.name, method.name);
                        let known = jobs.test.take().map(|id| found.name(&id));
                        let score = |found: &mut Match<'_>, label: &str, data: DataSource| {
                            found.score(label, &jobs.soup, dataset, &config.evaluation, data)
                        };
                        jobs.test = match column.blocked {
                            Some(_) => score(&mut found, &label, dataset.data()).or(known),
                            None => known,
                        };
                        for (other, job) in dataset.ood.iter().zip(&mut jobs.ood) {
                            let label = format!("{label} on {}", other.name);
                            let id = score(&mut found, &label, dataset.data_of(other));
                            if let (Some(score), true) = (id, column.blocked.is_some() || job.is_err()) {
                                *job = Ok(OodScore { score, note: String::new() });
                            }
                        }
                    }
                    let done = column.methods.iter().any(|jobs| found.is_done(&jobs.soup));
                    column.blocked.take_if(|_| done);
                }
            }
            PlannedTable::Merging(config, columns) => {
                for column in columns {
                    let dataset = &config.dataset[column.dataset];
                    for jobs in column.methods.iter_mut().flatten() {
                        jobs.trained = found.name(&jobs.trained);
                        jobs.test = jobs.test.take().map(|id| found.name(&id));
                        if column.blocked.is_some()
                            && let Some(label) = found.label(&jobs.trained)
                        {
                            let test = found.score(
                                &label,
                                &jobs.trained,
                                dataset,
                                &config.evaluation,
                                dataset.data(),
                            );
                            jobs.test = test.or(jobs.test.take());
                        }
                    }
                    let done = column.methods.iter().flatten().any(|jobs| found.is_done(&jobs.trained));
                    column.blocked.take_if(|_| done);
                }
            }
        }
        self.jobs = Jobs::new(self.jobs.iter().cloned().chain(found.jobs).collect());
    }
}

/// What was found so far.
struct Match<'a> {
    records: &'a [Record],
    /// Jobs that the plan did not have.
    jobs: Vec<Job>,
    /// Identities by those in the plan.
    names: HashMap<JobId, JobId>,
}

impl<'a> Match<'a> {
    fn name(&self, id: &JobId) -> JobId {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn is_done(&self, id: &str) -> bool {
        self.records.iter().any(|record| *record.id == *id)
    }

    fn label(&self, id: &str) -> Option<String> {
        self.records.iter().find(|record| *record.id == *id).map(|record| record.label.clone())
    }

    /// The record, if there is exactly one.
    fn only(&self, label: &str, inputs: &[JobId], fits: impl Fn(&JobSpec) -> bool) -> Option<&'a Record> {
        let mut all = self
            .records
            .iter()
            .filter(|record| record.label == label && record.inputs == inputs && fits(&record.spec));
        all.next().filter(|_| all.next().is_none())
    }

    /// The evaluation of a model's predictions, both made jobs.
    fn score(
        &mut self,
        label: &str,
        model: &str,
        dataset: &DatasetEntry,
        evaluation: &EvaluationConfig,
        data: DataSource,
    ) -> Option<JobId> {
        let is_prediction = |spec: &JobSpec| matches!(spec, JobSpec::Predict { .. });
        let predicted = self.only(&format!("{label}: predict"), &[model.into()], is_prediction)?;
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
                fields: Default::default(),
                cost: record.cost,
                blocked: None,
                remarks: record.remarks.clone(),
            });
        }
        Some(scored.id.clone())
    }
}

/// Whether two recipes differ in nothing but their data, and in the content of a file of weights that is not there.
fn alike(one: &JobSpec, other: &JobSpec) -> bool {
    let starts = [one, other].map(|spec| spec.training().map(|training| &training.start));
    let same_start = match starts {
        [Some(Start::File { digest: a, seed: one }), Some(Start::File { digest: b, seed: other })] => {
            one == other && (a == b || [a, b].iter().any(|digest| *digest == Start::UNKNOWN))
        }
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
        value
    };
    same_start && rest(one) == rest(other)
}
