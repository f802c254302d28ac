//! The steps inside an epoch.

use std::time::Instant;

use ff_data::Batch;
use ff_data::random::stream;
use ff_models::Mode;
use rand::Rng;
use tch::{Kind, Tensor};

use crate::config::Trainable;
use crate::error::Error;
use crate::history::Divergence;
use crate::trainer::Trainer;
use crate::upload::{send_images, send_targets};
use crate::{hook, resume};

impl Trainer<'_, '_> {
    /// Begins an epoch, or resumes inside it.
    pub(crate) fn begin_epoch(&mut self) -> Result<(), Error> {
        for hook in self.run.hooks.iter_mut() {
            if let Some(state) = self.progress.epoch.hooks.remove(hook.name()) {
                hook.load_state(state)?;
            }
        }
        self.predictions = None;
        // The run may have been stopped while it took a snapshot.
        let step = self.steps_done();
        if !self.progress.epoch.losses.is_empty() && self.rates.snapshot_after(step) {
            self.predictions = self.take_snapshot(step)?;
        }
        self.since = Instant::now();
        Ok(())
    }

    /// Returns the next batch, and adds the time that it took to the epoch's.
    pub(crate) fn next_batch(
        &mut self,
        batches: &mut impl Iterator<Item = Result<Batch, ff_data::Error>>,
    ) -> Result<Option<Batch>, Error> {
        let asked = Instant::now();
        let batch = batches.next().transpose()?;
        if let Some(batch) = &batch {
            self.progress.epoch.data_seconds += asked.elapsed().as_secs_f64();
            self.progress.epoch.skipped.extend(batch.skipped.iter().cloned());
        }
        Ok(batch)
    }

    /// Calls the hooks before a step.
    pub(crate) fn call_hooks(&mut self) -> Result<(), Error> {
        let step = self.steps_done() + 1;
        self.run.hooks.iter_mut().try_for_each(|hook| tch::no_grad(|| hook.before_forward(step, self.model)))
    }

    /// Runs the forward pass of a step and returns its loss.
    pub(crate) fn forward(&self, batch: &Batch) -> Tensor {
        let model = self.model;
        let step = self.steps_done() + 1;
        let mode = Mode::Train { seed: stream(self.config.seed, "dropout", &[step as u64]).next_u64() };
        let pixels = send_images(&batch.images, batch.image_size, model.device());
        let targets = send_targets(&batch.targets, model.spec().outputs, model.device());
        let pixels = pixels.receive();
        let logits = match self.config.trainable {
            Trainable::All {} => model.forward(&pixels, mode),
            Trainable::Classifier { update_bn_stats } => {
                let frozen = if update_bn_stats { mode } else { Mode::Eval };
                let features = tch::no_grad(|| model.features(&pixels, frozen));
                model.classify(&features, mode)
            }
        };
        self.loss.of_batch(&logits, &targets.receive())
    }

    /// Runs the backward pass and the update of a step.
    pub(crate) fn update(&mut self, batch: &Batch, loss: &Tensor) {
        let rate = self.rate(self.steps_done() + 1);
        self.optimizer.step(loss, rate);
        if let Some(average) = &mut self.average {
            average.update(&self.optimizer);
        }
        self.losses.push(loss.detach());
        self.progress.epoch.images += batch.indices.len();
        self.progress.epoch.batches = batch.number + 1;
        self.predictions = None;
    }

    /// Returns whether a resume point is due after a step.
    pub(crate) fn is_point_due(&mut self) -> bool {
        self.due.after_step() || self.run.stop.is_set()
    }

    /// Reads losses back from the device, and finds the step at which the epoch diverged, if it
    /// did.
    pub(crate) fn divergence(&mut self) -> Result<Option<Divergence>, Error> {
        if !self.losses.is_empty() {
            let losses = Tensor::stack(&self.losses, 0).to_kind(Kind::Double);
            self.losses.clear();
            self.progress.epoch.losses.append(&mut Vec::try_from(losses)?);
        }
        let at = self.progress.epoch.losses.iter().position(|loss| !loss.is_finite());
        Ok(at.map(|at| self.diverged_at(at)))
    }

    /// Writes a resume point, from which the run resumes to the same bits.
    ///
    /// # Errors
    /// [`Error::Stopped`] once it is written, if the run is asked to stop; files that cannot be
    /// written.
    pub(crate) fn write_point(&mut self) -> Result<(), Error> {
        self.count_time();
        self.progress.epoch.hooks = hook::states(self.run.hooks);
        let (step, weights) = (self.steps_done(), self.model.state_dict());
        let Self { run, progress, optimizer, average, .. } = self;
        resume::save(run.folder, &run.provenance, step, progress, weights, optimizer, average.as_ref())?;
        self.due.done();
        self.run.stop.check()
    }
}
