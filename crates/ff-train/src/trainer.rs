//! The state of a run.

use std::time::Instant;

use ff_eval::Predictions;
use ff_models::Model;
use tch::Tensor;

use crate::candidate::Candidate;
use crate::config::{TrainConfig, Trainable};
use crate::ema::MovingAverage;
use crate::error::Error;
use crate::files::Files;
use crate::history::Divergence;
use crate::loss::Loss;
use crate::optimizer::Optimizer;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::resume;
use crate::resume_every::Due;
use crate::run::{Run, TrainData};
use crate::schedule::Rates;

/// A run: its inputs and its progress.
pub(crate) struct Trainer<'a, 'r> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) model: &'a Model,
    pub(crate) data: &'a TrainData,
    pub(crate) run: Run<'r>,
    pub(crate) rates: Rates,
    pub(crate) loss: Loss,
    pub(crate) optimizer: Optimizer,
    /// The moving average of the weights, if the run keeps one.
    pub(crate) average: Option<MovingAverage>,
    pub(crate) files: Files<'r>,
    pub(crate) due: Due,
    pub(crate) progress: Progress,
    /// Losses of the epoch's last steps, on the device, since reading them waits for it.
    pub(crate) losses: Vec<Tensor>,
    /// Validation predictions of the current model, if a snapshot has just computed them.
    pub(crate) predictions: Option<Predictions>,
    /// Start of the time that is not yet added to the epoch's.
    pub(crate) since: Instant,
}

impl<'a, 'r> Trainer<'a, 'r> {
    /// Prepares a run of `batches` per epoch, or resumes one from the newest resume point in its
    /// folder.
    pub(crate) fn start(
        config: &'a TrainConfig,
        model: &'a mut Model,
        data: &'a TrainData,
        run: Run<'r>,
        batches: usize,
    ) -> Result<Self, Error> {
        let loss = Loss::new(config.task_weights.of(data.dataset.as_ref(), &data.train), model.device());
        let rates = config.schedule.over(config.epochs, batches)?;
        let due = Due::new(run.resume_every);
        // A point without the optimizer state of its best epoch cannot provide it later.
        let has_state = |best: &Candidate| !config.keep_optimizer || best.optimizer.is_some();
        let resumed = resume::load(run.folder, &run.provenance)?
            .filter(|point| point.progress.best.as_ref().is_none_or(has_state));
        if let Some(point) = &resumed {
            model.load_strict(&point.weights)?;
        }
        let mut optimizer = match config.trainable {
            Trainable::All {} => Optimizer::new(&config.optimizer, model.parameters().trainable()),
            Trainable::Classifier { .. } => Optimizer::new(&config.optimizer, model.classifier()),
        };
        let mut average = config.ema.map(|ema| MovingAverage::new(ema, &optimizer));
        match (&resumed, &run.optimizer) {
            (Some(point), _) => point.restore(&mut optimizer)?,
            (None, Some(state)) => optimizer.load_state(state, "")?,
            (None, None) => {}
        }
        if let (Some(point), Some(average)) = (&resumed, &mut average) {
            point.restore_average(average)?;
        }
        let progress = resumed.map(|point| point.progress).unwrap_or_default();
        let files = Files::open(run.folder, run.provenance.clone(), &progress.history)?;
        Ok(Self {
            config,
            model,
            data,
            run,
            rates,
            loss,
            optimizer,
            average,
            files,
            due,
            progress,
            losses: Vec::new(),
            predictions: None,
            since: Instant::now(),
        })
    }

    /// Returns whether early stopping ends the run.
    pub(crate) fn is_stale(&self) -> bool {
        let patience = self.config.early_stopping_epochs;
        patience.is_some_and(|patience| self.progress.epochs_without_gain() >= patience as usize)
    }

    /// Returns the number of steps done in the run.
    pub(crate) fn steps_done(&self) -> usize {
        self.progress.finished_steps() + self.progress.epoch.losses.len() + self.losses.len()
    }

    /// Returns the last step of this epoch, as the schedule counts them: it counts a batch that is
    /// left out or joins another for want of readable images, for which the optimizer does no step.
    pub(crate) fn last_step(&self) -> usize {
        self.progress.epoch_number() as usize * self.rates.steps_per_epoch()
    }

    /// Returns the learning rate of a step of this epoch.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        self.rates.at(step, &self.progress.validation_losses())
    }

    /// Adds the time since the last call to the epoch's.
    pub(crate) fn count_time(&mut self) {
        let now = Instant::now();
        self.progress.epoch.seconds += (now - self.since).as_secs_f64();
        self.since = now;
    }

    /// Returns the divergence at the epoch's step `at`, counted from 0.
    pub(crate) fn diverged_at(&self, at: usize) -> Divergence {
        let Progress { history, epoch, .. } = &self.progress;
        let before = at.checked_sub(1).map(|at| epoch.losses[at]);
        let step = self.progress.finished_steps() + 1 + at;
        Divergence {
            epoch: self.progress.epoch_number(),
            step,
            learning_rate: self.rate(step),
            last_finite_loss: before.or(history.last().map(|last| last.train_loss)),
        }
    }

    /// Writes the moving average and the best epoch's model, and returns the outcome.
    pub(crate) fn finish(mut self, diverged: Option<Divergence>) -> Result<Outcome, Error> {
        // Losses are read back late, so the average of a diverged run may have taken up weights that
        // are not finite.
        let ema = if diverged.is_none() { self.save_average()? } else { None };
        let Progress { history, snapshots, best, .. } = self.progress;
        let kept = best.map(|best| self.files.save("kept", &best)).transpose()?;
        Ok(Outcome { kept, snapshots, ema, diverged, history })
    }
}
