//! Running a job and writing its record.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ff_checkpoint::entries;
use ff_train::{CancelToken, EpochRecord, Outcome};

use super::context::JobContext;
use super::{ensemble, landscape, soup};
use crate::error::Error;
use crate::job::{Cost, Job, JobOutput, JobSpec, Record, VERSION, device_name};
use crate::store::Claimed;

impl JobContext<'_> {
    /// Runs a job and writes its record. The caller must have claimed its folder.
    ///
    /// `on_epoch` is called after every epoch of training. `stop` cancels training.
    ///
    /// # Errors
    /// Any failure of the job. No record is written then, and the job can run again.
    pub fn run(
        &self,
        job: &Job,
        stop: &CancelToken,
        on_epoch: &mut dyn FnMut(&EpochRecord),
    ) -> Result<Record, Error> {
        let started = Instant::now();
        let mut layers = Vec::new();
        let (finished, cost) = match &job.spec {
            JobSpec::Pretrain(training)
            | JobSpec::Probe(training)
            | JobSpec::Finetune(training)
            | JobSpec::Fgg(training) => {
                let trained = self.train(job, training, stop, on_epoch);
                let (outcome, cost, kernels) = trained.map_err(Error::hint_at_skipping)?;
                layers = kernels;
                (outcome, cost)
            }
            JobSpec::Import(spec) => self.import(job, spec).map_err(Error::hint_at_skipping)?,
            JobSpec::Soup(spec) => {
                let make = if spec.select.is_ensemble() { ensemble::make } else { soup::make };
                make(self, job, spec, &*self.data(job, &spec.data)?)?
            }
            JobSpec::Predict { model, data, part, outputs, groups: _ } => {
                self.predict(job, model, (data, *part), outputs.as_ref()).map_err(Error::hint_at_skipping)?
            }
            JobSpec::Evaluate { metric, resamples, seed } => {
                (self.evaluate(job, *metric, *resamples, *seed)?, Cost::default())
            }
            &JobSpec::Verdict { singles, metric, resamples, seed, folds: _ } => {
                self.verdict(job, singles, metric, (resamples, seed))?
            }
            JobSpec::Plane(spec) => landscape::plane(self, job, spec)?,
            JobSpec::PlaneRow(spec) => landscape::row(self, job, spec)?,
            JobSpec::Surface(spec) => landscape::surface(self, job, spec)?,
            JobSpec::Path(spec) => landscape::path(self, job, spec)?,
            JobSpec::GreedyBarriers(spec) => landscape::greedy_barriers(self, job, spec)?,
            JobSpec::Forecast(spec) => landscape::forecast(self, job, spec)?,
        };
        // The time of a resumed run includes the epochs before its interruption.
        let trained = match &finished {
            JobOutput::Training(outcome) => outcome.history.iter().map(|epoch| epoch.seconds).sum(),
            _ => 0.0,
        };
        let record = Record {
            id: job.id.clone(),
            label: job.label.clone(),
            spec: job.spec.clone(),
            inputs: job.inputs.clone(),
            output: finished,
            kernels: layers,
            cost,
            seconds: started.elapsed().as_secs_f64().max(trained),
            device: device_name(self.device),
            threads: tch::get_num_threads().max(0) as usize,
            remarks: job.remarks.clone(),
            code_version: VERSION.to_owned(),
        };
        self.runs.finish(job, &record)?;
        if job.spec.training().is_some() {
            Outcome::forget_resume_points(&self.runs.folder(job))?;
        }
        Ok(record)
    }

    /// Removes leftover files of a finished job: a process may be killed after it has written the
    /// record and before it has removed resume points.
    ///
    /// Only a record tells that other files are not needed, so this lists the folder of every
    /// finished job when a run starts.
    pub(crate) fn clean_up(&self, job: &Job, record: &Record) -> Result<(), Error> {
        let folder = self.runs.folder(job);
        let kept = [Path::new("record.json"), Path::new("history.jsonl")];
        let kept: HashSet<PathBuf> = kept
            .into_iter()
            .chain(record.files().into_iter().map(|file| file.path.as_path()))
            .map(|name| folder.join(name))
            .collect();
        if entries(&folder)?.iter().any(|path| !kept.contains(path))
            && let Claimed::Ours(_claim) = self.claims.take(&folder, self.stop.child())?
        {
            Outcome::forget_resume_points(&folder)?;
        }
        Ok(())
    }
}
