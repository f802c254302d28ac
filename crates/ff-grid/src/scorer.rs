//! Validation images as a soup's judge.

use std::collections::HashMap;

use ff_checkpoint::StateDict;
use ff_eval::{Ceiling, Metric, Predictions, Targets, Value, hardest_first};
use ff_models::{Model, Precision};
use ff_soup::{Accept, Candidate, Mix, ScoreError, Scorer, Verdict};
use ff_train::{EvalSet, Recalibration};

use crate::Error;

/// Scores candidates on validation images; models alone by what is known of them already.
pub struct ValidationScorer<'a> {
    model: Model,
    validation: &'a EvalSet,
    metric: Metric,
    known: HashMap<String, f64>,
    recalibration: Option<Recalibration>,
    /// What was predicted last of every image: it says which images are hard.
    last: Option<Predictions>,
    evaluations: u64,
    images: u64,
}

/// Of the images, the part after which a candidate that may still win is evaluated whole.
const EARLY: f64 = 0.5;
/// Images between two looks at what a candidate can still reach.
const STEP: u32 = 32;

impl<'a> ValidationScorer<'a> {
    /// A scorer that puts weights into `model`. `known` are scores of ingredients that need no evaluation, by id.
    pub fn new(model: Model, validation: &'a EvalSet, metric: Metric, known: HashMap<String, f64>) -> Self {
        Self { model, validation, metric, known, recalibration: None, last: None, evaluations: 0, images: 0 }
    }

    /// Predictions of one of the models, such as training left: with them the first candidate is looked at where it matters.
    pub fn knowing(self, predictions: Predictions) -> Self {
        Self { last: Some(predictions), ..self }
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
        self.images
    }

    /// What a model of these weights, which are those of a mix, says of the validation images.
    ///
    /// # Errors
    /// Weights of another form, images that cannot be read, logits that are not finite.
    pub fn predict(&mut self, weights: &StateDict, mix: &Mix) -> Result<Predictions, Error> {
        self.load(weights, mix)?;
        self.predict_loaded()
    }

    fn load(&mut self, weights: &StateDict, mix: &Mix) -> Result<(), Error> {
        self.model.load_strict(weights)?;
        if let (Some(images), Mix::Mean(_)) = (&self.recalibration, mix) {
            images.run(&self.model)?;
            self.images += images.images() as u64;
        }
        self.evaluations += 1;
        Ok(())
    }

    fn predict_loaded(&mut self) -> Result<Predictions, Error> {
        self.images += self.validation.len() as u64;
        Ok(self.validation.predict(&self.model, None)?)
    }

    /// Looks at the hardest images first, for as long as the loaded candidate may still win; the bound, if it cannot.
    fn early(&mut self, best: f64, accept: Accept) -> Result<Option<f64>, ScoreError> {
        // Of AUROC every pair counts a little: there is nothing to stop early.
        let Some(last) = self.last.as_ref().filter(|_| self.metric != Metric::Auroc) else { return Ok(None) };
        let order = hardest_first(self.metric, last);
        let limit = (order.len() as f64 * EARLY) as usize;
        let mut ceiling = Ceiling::new(self.metric, last.targets(), last.outputs());
        let slack = slack(self.model.spec().precision);
        let (mut seen, mut below, mut failed, mut vain) = (0, None, false, false);
        let mut look = |row: usize, logits: &[f32]| {
            let raised = raised(logits, row, last.targets(), slack);
            failed |= ceiling.see(row, &raised).is_err();
            seen += 1;
            if seen % STEP == 0 && below.is_none() {
                let bound = ceiling.bound();
                below = (!accept.accepts(bound, best)).then_some(bound);
                // Every metric starts at 1, and falls fastest at first: at this pace it would not get there.
                let pace = (1.0 - bound) / f64::from(seen);
                vain = bound - pace * (limit as f64 - f64::from(seen)) > best;
            }
            below.is_some() || failed || vain
        };
        let images = self.validation.predict_until(&self.model, &order[..limit], &mut look)?;
        self.images += images.unwrap_or(0) as u64;
        // A candidate whose numbers are none fails in its whole evaluation, as it always would have.
        Ok(below.filter(|_| !failed))
    }

    fn evaluate(&mut self, predictions: Predictions) -> Result<f64, ScoreError> {
        let value = self.metric.evaluate(&predictions);
        self.last = Some(predictions);
        match value {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(format!("{} is undefined: {why}", self.metric).into()),
        }
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
        self.evaluate(predictions)
    }

    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        if let Mix::Ingredient(_) = candidate.mix() {
            return self.score(candidate).map(Verdict::Score);
        }
        self.load(&candidate.weights()?, candidate.mix())?;
        if let Some(bound) = self.early(best, accept)? {
            return Ok(Verdict::Below { bound });
        }
        // Whole and in the usual order, so that what is kept has the very score that it would have had.
        let predictions = self.predict_loaded()?;
        self.evaluate(predictions).map(Verdict::Score)
    }
}

/// How far a logit may be from that of the whole evaluation, as a share of the largest of its row: an image is predicted in
/// a batch of another size, and libtorch may add up in another order.
fn slack(precision: Precision) -> f32 {
    match precision {
        Precision::Fp32 => 1e-4,
        Precision::Bf16 => 0.05,
    }
}

/// The logits with the true class a little higher than it is: what is wrong even so is wrong in any order of addition.
fn raised(logits: &[f32], row: usize, targets: &Targets, slack: f32) -> Vec<f32> {
    let mut raised = logits.to_vec();
    if let Targets::Classes(classes) = targets {
        let largest = logits.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
        raised[classes[row]] += slack * largest;
    }
    raised
}
