//! The network and the validation images that coefficients of a learned soup are fitted on.

use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_models::{Mode, Model};
use ff_soup::{Gradient, Network, ScoreError};
use ff_train::{Fitting, Recalibration};

/// A network on its device, with validation images in two parts.
pub(super) struct FittedNetwork {
    model: Model,
    fitting: Fitting,
    /// Where statistics of BatchNorm are recomputed, batches have their own in the fit.
    recalibration: Option<Arc<Recalibration>>,
    /// Images read so far; a backward pass counts as two.
    images: u64,
}

impl FittedNetwork {
    pub fn new(model: Model, fitting: Fitting, recalibration: Option<Arc<Recalibration>>) -> Self {
        Self { model, fitting, recalibration, images: 0 }
    }

    pub fn images(&self) -> u64 {
        self.images
    }
}

impl Network for FittedNetwork {
    fn batches(&self) -> usize {
        self.fitting.batches()
    }

    fn gradient(
        &mut self,
        weights: &StateDict,
        temperature: f64,
        batch: usize,
    ) -> Result<Gradient, ScoreError> {
        self.model.load_strict(weights)?;
        let mode = if self.recalibration.is_some() { Mode::Batch } else { Mode::Eval };
        let found = self.fitting.gradient(&self.model, mode, temperature, batch)?;
        self.images += 3 * self.fitting.images(batch) as u64;
        let weights = StateDict::from_tensors(found.weights);
        Ok(Gradient { loss: found.loss, temperature: found.temperature, weights })
    }

    fn held_out_loss(&mut self, weights: &StateDict, temperature: f64) -> Result<f64, ScoreError> {
        self.model.load_strict(weights)?;
        if let Some(images) = &self.recalibration {
            images.run(&self.model)?;
            self.images += images.images() as u64;
        }
        self.images += self.fitting.held_out() as u64;
        Ok(self.fitting.held_out_loss(&self.model, temperature)?)
    }
}
