//! Validation images as a soup's judge.

use std::collections::HashMap;

use ff_checkpoint::StateDict;
use ff_eval::{Metric, Predictions, Value};
use ff_models::Model;
use ff_soup::{Candidate, Mix, ScoreError, Scorer};
use ff_train::EvalSet;

use crate::Error;

/// Scores candidates on validation images; models alone by what is known of them already.
pub struct ValidationScorer<'a> {
    model: Model,
    validation: &'a EvalSet,
    metric: Metric,
    known: HashMap<String, f64>,
    evaluations: u64,
}

impl<'a> ValidationScorer<'a> {
    /// A scorer that puts weights into `model`. `known` are scores of ingredients that need no evaluation, by id.
    pub fn new(model: Model, validation: &'a EvalSet, metric: Metric, known: HashMap<String, f64>) -> Self {
        Self { model, validation, metric, known, evaluations: 0 }
    }

    /// Sets of weights evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// What a model of these weights says of the validation images.
    ///
    /// # Errors
    /// Weights of another form, images that cannot be read, logits that are not finite.
    pub fn predict(&mut self, weights: &StateDict) -> Result<Predictions, Error> {
        self.model.load_strict(weights)?;
        self.evaluations += 1;
        Ok(self.validation.predict(&self.model)?)
    }
}

impl Scorer for ValidationScorer<'_> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        if let Mix::Ingredient(id) = candidate.mix()
            && let Some(score) = self.known.get(id)
        {
            return Ok(*score);
        }
        let predictions = self.predict(&candidate.weights()?)?;
        match self.metric.evaluate(&predictions) {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(format!("{} is undefined: {why}", self.metric).into()),
        }
    }
}
