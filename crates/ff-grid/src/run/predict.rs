//! Jobs that predict, and jobs that score predictions.

use ff_checkpoint::{FileRef, StateDict};
use ff_eval::{Metric, Note, OutputMap, Predictions, Score};
use ff_models::{Model, Spec};
use ff_train::{predictions_of, save_predictions};

use super::context::JobContext;
use super::ensemble;
use crate::error::Error;
use crate::job::{Cost, DataIdentity, EvalSplit, Job, JobOutput, SoupRecord};

impl JobContext<'_> {
    /// Predicts a split with the model of the job's input, or with every model of an ensemble.
    pub(super) fn predict(
        &self,
        job: &Job,
        spec: &Spec,
        (identity, part): (&DataIdentity, EvalSplit),
        outputs: Option<&OutputMap>,
    ) -> Result<(JobOutput, Cost), Error> {
        let data = self.data(job, identity)?;
        let input = self.planned(job.model()?)?;
        let record = self.runs.done(input)?;
        if let Some(run) = record.diverged() {
            return Ok((JobOutput::Diverged { run: run.to_owned() }, Cost::default()));
        }
        let mut model = Model::new(spec, self.device, 0)?;
        let images = self.catalog.eval_set(&data, part, spec.image_size);
        let mut predict = |weights: &StateDict| -> Result<Predictions, Error> {
            model.load_strict(weights)?;
            Ok(images.predict(&model, outputs)?)
        };
        let (predictions, parents) = match &record.output {
            JobOutput::Soup(SoupRecord { weights: None, .. }) => {
                ensemble::predict(self, job, &record, &mut predict)?
            }
            _ => {
                let weights = self.runs.open(input, record.weights()?)?;
                (predict(&weights)?, vec![weights.as_parent(&input.label)])
            }
        };
        let evaluations = parents.len() as u64;
        let name = "predictions.safetensors";
        let provenance = self.provenance(job, parents, &data)?;
        let path = self.runs.folder(job).join(name);
        let file = FileRef::new(name, save_predictions(&path, &predictions, Some(&provenance))?);
        let evaluated_images = evaluations * predictions.len() as u64;
        let cost = Cost { evaluations, evaluated_images, ..Cost::default() };
        let skipped = images.skipped().to_vec();
        Ok((JobOutput::Predictions { file, samples: predictions.len(), skipped }, cost))
    }

    /// Scores the predictions that are the job's input.
    pub(super) fn evaluate(
        &self,
        job: &Job,
        metric: Metric,
        resamples: usize,
        seed: u64,
    ) -> Result<JobOutput, Error> {
        let input = self.planned(job.predictions()?)?;
        let record = self.runs.done(input)?;
        match (&record.output, record.diverged()) {
            (_, Some(run)) => Ok(JobOutput::Diverged { run: run.to_owned() }),
            (JobOutput::Predictions { file, .. }, None) => {
                let file = self.runs.open(input, file)?;
                let predictions = predictions_of(&file)?;
                let mut score = Score::new(metric, &predictions, resamples, seed);
                let names: Vec<String> = file
                    .provenance()?
                    .recipe
                    .get("classes")
                    .and_then(|names| serde_json::from_value(names.clone()).ok())
                    .unwrap_or_default();
                score.notes.iter_mut().for_each(|note| *note = Note::Text(note.describe(&names)));
                Ok(JobOutput::Score(score))
            }
            _ => Err(record.not("predictions")),
        }
    }
}
