//! Validation images as a soup's judge.

use std::collections::HashMap;

use ff_checkpoint::StateDict;
use ff_eval::{Metric, Predictions, Value};
use ff_models::Model;
use ff_soup::{Candidate, Mix, ScoreError, Scorer};
use ff_train::{EvalSet, Recalibration};

use crate::Error;

/// Scores candidates on validation images; models alone by what is known of them already.
pub struct ValidationScorer<'a> {
    model: Model,
    validation: &'a EvalSet,
    metric: Metric,
    known: HashMap<String, f64>,
    recalibration: Option<Recalibration>,
    evaluations: u64,
    recalibrations: u64,
}

impl<'a> ValidationScorer<'a> {
    /// A scorer that puts weights into `model`. `known` are scores of ingredients that need no evaluation, by id.
    pub fn new(model: Model, validation: &'a EvalSet, metric: Metric, known: HashMap<String, f64>) -> Self {
        Self { model, validation, metric, known, recalibration: None, evaluations: 0, recalibrations: 0 }
    }

    /// The BatchNorm statistics of every mean are computed anew, from those images, before it is evaluated.
    pub fn recalibrated_on(self, images: Recalibration) -> Self {
        Self { recalibration: Some(images), ..self }
    }

    /// Sets of weights evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Images read so far: those of validation for each evaluation, and those that statistics were computed from.
    pub fn images(&self) -> u64 {
        let of_training = self.recalibration.as_ref().map_or(0, |images| images.images() as u64);
        self.evaluations * self.validation.len() as u64 + self.recalibrations * of_training
    }

    /// What a model of these weights, which are those of a mix, says of the validation images.
    ///
    /// # Errors
    /// Weights of another form, images that cannot be read, logits that are not finite.
    pub fn predict(&mut self, weights: &StateDict, mix: &Mix) -> Result<Predictions, Error> {
        self.model.load_strict(weights)?;
        if let (Some(images), Mix::Mean(_)) = (&self.recalibration, mix) {
            images.run(&self.model)?;
            self.recalibrations += 1;
        }
        self.evaluations += 1;
        Ok(self.validation.predict(&self.model, None)?)
    }

    /// The tensors of a mix that are not averages but computed anew, by name.
    pub fn recomputed(&self, mix: &Mix) -> Vec<String> {
        match (&self.recalibration, mix) {
            (Some(_), Mix::Mean(_)) => {
                self.model.parameters().buffers().map(|buffer| buffer.name.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The weights that were evaluated last, with what was computed anew.
    pub fn weights(&self) -> StateDict {
        StateDict::from_tensors(self.model.state_dict())
    }
}

impl Scorer for ValidationScorer<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        if let Mix::Ingredient(id) = candidate.mix()
            && let Some(score) = self.known.get(id)
        {
            return Ok(*score);
        }
        let predictions = self.predict(&candidate.weights()?, candidate.mix())?;
        match self.metric.evaluate(&predictions) {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(format!("{} is undefined: {why}", self.metric).into()),
        }
    }
}
