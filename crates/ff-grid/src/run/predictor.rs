//! Predictions of candidates on the validation images.

use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_eval::Predictions;
use ff_models::{Model, Precision};
use ff_soup::{Average, Candidate};
use ff_train::{EvalSet, Recalibration};

use crate::error::Error;

/// A network with images, which predicts them with the weights that were loaded last.
pub trait Predictor {
    /// Loads the weights of an average.
    ///
    /// # Errors
    /// Weights that do not fit; those of recomputing statistics.
    fn load(&mut self, weights: &StateDict, average: &Average) -> Result<(), Error>;

    /// Announces candidates that are predicted next. A predictor that can predict several at once may
    /// do so now. The default does nothing.
    ///
    /// # Errors
    /// Those of [`load`](Self::load) and [`predict`](Self::predict).
    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), Error> {
        let _ = candidates;
        Ok(())
    }

    /// Predicts all images.
    ///
    /// # Errors
    /// Images that cannot be read, logits that are not finite.
    fn predict(&mut self) -> Result<Predictions, Error>;

    /// Predicts images, by their rows in [`predict`](Self::predict), in the order given, until
    /// `enough`, which takes a row and its logits, returns true.
    ///
    /// # Errors
    /// Images that cannot be read.
    fn predict_until(
        &mut self,
        order: &[usize],
        enough: &mut dyn FnMut(usize, &[f32]) -> bool,
    ) -> Result<(), Error>;

    /// Returns the number of images that [`predict`](Self::predict) predicts, as far as it is known
    /// which of them can be read.
    fn rows(&self) -> usize;

    /// Returns how far a logit of [`predict_until`](Self::predict_until) may be from that of
    /// [`predict`](Self::predict), as a share of the largest of its row.
    fn slack(&self) -> f32;

    /// Returns the number of sets of weights loaded so far.
    fn evaluations(&self) -> u64;

    /// Returns the number of images read so far, also for BatchNorm statistics.
    fn images(&self) -> u64;

    /// Returns the images that are read for an average before it predicts.
    fn recomputes_from(&self) -> usize;
}

/// A model on its device, with the images of a split.
pub struct ModelPredictor<'a> {
    model: Model,
    images: &'a EvalSet,
    recalibration: Option<Arc<Recalibration>>,
    evaluations: u64,
    read: u64,
}

impl<'a> ModelPredictor<'a> {
    /// Makes a predictor that loads weights into `model`.
    pub fn new(model: Model, images: &'a EvalSet) -> Self {
        Self { model, images, recalibration: None, evaluations: 0, read: 0 }
    }

    /// Recomputes the BatchNorm statistics of every average from `images` before it predicts. A
    /// single model keeps its own.
    pub fn recalibrated_on(self, images: Arc<Recalibration>) -> Self {
        Self { recalibration: Some(images), ..self }
    }

    /// Returns the names of an average's tensors that are recomputed and not averaged.
    pub fn recomputed(&self, average: &Average) -> Vec<String> {
        match (&self.recalibration, average.is_ingredient()) {
            (Some(_), false) => self.model.parameters().buffers().map(|buffer| buffer.name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the weights that were loaded last, with recomputed statistics.
    pub fn weights(&self) -> StateDict {
        StateDict::from_tensors(self.model.state_dict())
    }
}

impl Predictor for ModelPredictor<'_> {
    fn load(&mut self, weights: &StateDict, average: &Average) -> Result<(), Error> {
        self.model.load_strict(weights)?;
        if let (Some(images), false) = (&self.recalibration, average.is_ingredient()) {
            images.run(&self.model)?;
            self.read += images.images() as u64;
        }
        self.evaluations += 1;
        Ok(())
    }

    fn predict(&mut self) -> Result<Predictions, Error> {
        self.read += self.images.len() as u64;
        Ok(self.images.predict(&self.model, None)?)
    }

    fn predict_until(
        &mut self,
        order: &[usize],
        enough: &mut dyn FnMut(usize, &[f32]) -> bool,
    ) -> Result<(), Error> {
        let read = self.images.predict_until(&self.model, order, enough)?;
        self.read += read.unwrap_or(0) as u64;
        Ok(())
    }

    fn rows(&self) -> usize {
        self.images.len() - self.images.skipped().len()
    }

    /// In a batch of another size, libtorch may sum in another order, and on a GPU it may use
    /// another algorithm of cuDNN.
    fn slack(&self) -> f32 {
        match (self.model.spec().precision, self.model.device().is_cuda()) {
            (Precision::Fp32 | Precision::Tf32, false) => 1e-4,
            (Precision::Fp32, true) => 1e-3,
            (Precision::Tf32, true) => 0.01,
            (Precision::Bf16, _) => 0.05,
        }
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn images(&self) -> u64 {
        self.read
    }

    fn recomputes_from(&self) -> usize {
        self.recalibration.as_ref().map_or(0, |images| images.images())
    }
}
