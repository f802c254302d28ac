//! Snapshots, the end of an epoch, and the moving average at the end of a run.

use ff_checkpoint::StateDict;
use ff_eval::{Chance, Predictions};
use ff_models::Model;

use crate::candidate::{Candidate, CandidateNotes};
use crate::error::Error;
use crate::files::EMA;
use crate::history::{Divergence, EpochRecord};
use crate::hook;
use crate::recalibrate::{BN_IMAGES, Recalibration};
use crate::saved_model::SavedModel;
use crate::schedule::LrSchedule;
use crate::trainer::Trainer;

impl Trainer<'_, '_> {
    /// Takes a snapshot after a step with the minimal learning rate.
    pub(crate) fn snapshot_if_lowest(&mut self) -> Result<(), Error> {
        let step = self.steps_done();
        if self.rates.snapshot_after(step) {
            match self.take_snapshot(step) {
                // The resumed run takes the snapshot first.
                Err(Error::Stopped) => self.run.stop.set(),
                predictions => self.predictions = predictions?,
            }
        }
        Ok(())
    }

    /// Saves the current model as a snapshot and returns its predictions; `None` if the run saved
    /// it before an interruption. A model whose logits are not finite is not saved: the losses of
    /// its epoch report the divergence.
    pub(crate) fn take_snapshot(&mut self, step: usize) -> Result<Option<Predictions>, Error> {
        if self.progress.snapshots.last().is_some_and(|last| last.step >= step) {
            return Ok(None);
        }
        let predictions = match self.data.validation.predict(self.model, None) {
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => return Ok(None),
            predictions => predictions?,
        };
        let (epoch, metric) = (self.progress.epoch_number(), self.config.metric);
        let (validation, chance) = (metric.evaluate(&predictions), Chance::of(metric, &predictions));
        let notes = CandidateNotes { epoch, step, validation, chance, validation_loss: f64::NAN };
        let snapshot = self.candidate(notes, None, predictions);
        let stem = format!("snapshot-{}", self.progress.snapshots.len() + 1);
        self.progress.snapshots.push(self.files.save(&stem, &snapshot)?);
        Ok(Some(snapshot.predictions))
    }

    /// Predicts the validation images at the end of an epoch, or returns the divergence.
    pub(crate) fn validate(&mut self) -> Result<Result<Predictions, Divergence>, Error> {
        let steps = self.progress.epoch.losses.len();
        if steps == 0 {
            return Err(Error::NoImages("to train on".into()));
        }
        match self.predict() {
            // The losses are finite, but the last update made logits that are not.
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => Ok(Err(self.diverged_at(steps - 1))),
            Err(Error::Stopped) => {
                self.write_point()?;
                Err(Error::Stopped)
            }
            predictions => predictions.map(Ok),
        }
    }

    /// Records a finished epoch, and keeps the model if it is the best.
    pub(crate) fn end_epoch(&mut self, predictions: Predictions) -> Result<(), Error> {
        let (epoch, step) = (self.progress.epoch_number(), self.last_step());
        self.count_time();
        let part = std::mem::take(&mut self.progress.epoch);
        let record = EpochRecord {
            epoch,
            step,
            learning_rate: self.rate(step),
            train_loss: part.losses.iter().sum::<f64>() / part.losses.len() as f64,
            validation_loss: self.loss.of_predictions(&predictions),
            validation: self.config.metric.evaluate(&predictions),
            images: part.images,
            skipped: part.skipped,
            hooks: hook::reports(self.run.hooks),
            seconds: part.seconds,
            data_seconds: part.data_seconds,
        };
        let cyclic = matches!(self.config.schedule, LrSchedule::Cyclic { .. });
        let best = self.progress.best.as_ref();
        if !cyclic && best.is_none_or(|best| best.notes.is_beaten_by(&record, self.config.select_by)) {
            let (validation, validation_loss) = (record.validation.clone(), record.validation_loss);
            let chance = Chance::of(self.config.metric, &predictions);
            let notes = CandidateNotes { epoch, step, validation, chance, validation_loss };
            let state = || StateDict::from_tensors(self.optimizer.state());
            let optimizer = self.config.keep_optimizer.then(state);
            self.progress.best = Some(self.candidate(notes, optimizer, predictions));
        }
        self.files.append(&record)?;
        (self.run.on_epoch)(&record);
        self.progress.history.push(record);
        Ok(())
    }

    /// Saves the moving average of the weights, in a model of its own; `None` if the run keeps none,
    /// or if a logit of it is not finite.
    pub(crate) fn save_average(&mut self) -> Result<Option<SavedModel>, Error> {
        let Some(average) = &self.average else { return Ok(None) };
        let model = Model::new(self.model.spec(), self.model.device(), 0)?;
        average.copy_to(&model);
        let (config, data, run) = (self.config, self.data, &self.run);
        let images = Recalibration::new(
            data.dataset.clone(),
            Recalibration::sample(&data.train, BN_IMAGES),
            model.spec().image_size,
            config.batch_size,
            run.loader_threads,
            run.on_bad_image,
        );
        let recomputed = images.stopped_by(run.stop.clone()).run(&model);
        let predictions = match recomputed.and_then(|()| data.validation.predict(&model, None)) {
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => return Ok(None),
            Err(Error::Stopped) => {
                self.write_point()?;
                return Err(Error::Stopped);
            }
            predictions => predictions?,
        };
        let (epoch, step) = (self.progress.history.len() as u32, self.progress.finished_steps());
        let validation = config.metric.evaluate(&predictions);
        let chance = Chance::of(config.metric, &predictions);
        let notes = CandidateNotes { epoch, step, validation, chance, validation_loss: f64::NAN };
        let weights = StateDict::from_tensors(model.state_dict());
        let average = Candidate { notes, weights, optimizer: None, predictions };
        self.files.save(EMA, &average).map(Some)
    }

    /// Predicts the validation images, or takes the predictions of a snapshot that has just been
    /// saved.
    fn predict(&mut self) -> Result<Predictions, Error> {
        let last = self.last_step();
        if (self.steps_done() + 1..=last).any(|missed| self.rates.snapshot_after(missed)) {
            self.predictions = self.take_snapshot(last)?;
        }
        match self.predictions.take() {
            Some(predictions) => Ok(predictions),
            None => self.data.validation.predict(self.model, None),
        }
    }

    /// Returns the current model.
    fn candidate(
        &self,
        notes: CandidateNotes,
        optimizer: Option<StateDict>,
        predictions: Predictions,
    ) -> Candidate {
        let weights = StateDict::from_tensors(self.model.state_dict());
        Candidate { notes, weights, optimizer, predictions }
    }
}
