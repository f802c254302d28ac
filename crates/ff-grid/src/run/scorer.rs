//! Validation images as a soup's judge.

use std::collections::HashMap;

use ff_checkpoint::StateDict;
use ff_eval::{Metric, Predictions, ScoreBound, Value, hardest_first, margins};
use ff_models::{Model, Precision};
use ff_soup::{Accept, Average, Candidate, ScoreError, Scorer, Verdict};
use ff_train::{EvalSet, Recalibration};
use tch::Device;

use crate::error::Error;

/// Scores candidates on validation images; models alone by what is known of them already.
pub struct ValidationScorer<'a> {
    model: Model,
    validation: &'a EvalSet,
    metric: Metric,
    known: HashMap<String, f64>,
    recalibration: Option<Recalibration>,
    /// What was predicted last: it has the targets, and says which images are hard where nothing
    /// closer is known.
    last: Option<Predictions>,
    /// How hard each image is for what has been predicted whole.
    margin: HashMap<Average, Vec<f64>>,
    evaluations: u64,
    images: u64,
}

/// Images between two looks at what a candidate can still reach.
const STEP: usize = 32;

impl<'a> ValidationScorer<'a> {
    /// A scorer that puts weights into `model`. `known` are scores of ingredients that need no
    /// evaluation, by id.
    pub fn new(model: Model, validation: &'a EvalSet, metric: Metric, known: HashMap<String, f64>) -> Self {
        let (recalibration, last, margin) = (None, None, HashMap::new());
        Self { model, validation, metric, known, recalibration, last, margin, evaluations: 0, images: 0 }
    }

    /// With an ingredient's predictions of the validation images, such as training left: it needs
    /// no evaluation, and the candidates that it goes into are looked at where it matters.
    pub fn with_predictions(mut self, ingredient: &str, predictions: Predictions) -> Self {
        if !self.known.contains_key(ingredient)
            && let Some(score) = self.metric.evaluate(&predictions).value()
        {
            self.known.insert(ingredient.to_owned(), score);
        }
        self.remember(&Average::Ingredient(ingredient.to_owned()), predictions);
        self
    }

    /// The BatchNorm statistics of every mean are computed anew, from those images, before it is
    /// evaluated.
    pub fn recalibrated_on(self, images: Recalibration) -> Self {
        Self { recalibration: Some(images), ..self }
    }

    /// Sets of weights evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Images read so far: those of validation for each evaluation, and those that statistics were
    /// computed from.
    pub fn images(&self) -> u64 {
        self.images
    }

    /// What a model of these weights, which are those of a mix, says of the validation images.
    ///
    /// # Errors
    /// Weights of another form, images that cannot be read, logits that are not finite.
    pub fn predict(&mut self, weights: &StateDict, average: &Average) -> Result<Predictions, Error> {
        self.load(weights, average)?;
        self.predict_loaded()
    }

    fn load(&mut self, weights: &StateDict, average: &Average) -> Result<(), Error> {
        self.model.load_strict(weights)?;
        if let (Some(images), false) = (&self.recalibration, average.is_ingredient()) {
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

    /// What the loaded candidate comes to, looked at from the hardest image on until it cannot win
    /// any more; `None` where only its whole evaluation can tell.
    fn early(&mut self, average: &Average, best: f64, accept: Accept) -> Result<Option<Verdict>, ScoreError> {
        // Of AUROC every pair counts a little: there is nothing to stop early.
        let rows = self.validation.len() - self.validation.skipped().len();
        let of_these = |last: &&Predictions| self.metric != Metric::Auroc && last.len() == rows;
        let Some(last) = self.last.as_ref().filter(of_these) else { return Ok(None) };
        let order = self.order(average, last);
        let mut score_bound = ScoreBound::new(self.metric, last.targets(), last.outputs());
        let slack = slack(self.model.spec().precision, self.model.device());
        let mut logits = last.logits().to_vec();
        let (mut seen, mut below, mut failed, mut doubtful) = (0, None, false, false);
        let mut look = |row: usize, found: &[f32]| {
            let room = slack * found.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
            match score_bound.observe_within(row, found, room) {
                Ok(decided) => doubtful |= !decided,
                Err(_) => failed = true,
            }
            logits[row * last.outputs()..][..found.len()].copy_from_slice(found);
            seen += 1;
            if seen % STEP == 0 && below.is_none() {
                let bound = score_bound.bound();
                below = (!accept.accepts(bound, best)).then_some(bound);
            }
            // With a doubt it needs a whole evaluation to be kept, so it must show soon that it
            // cannot be.
            below.is_some() || failed || doubtful && 2 * seen > last.len()
        };
        let images = self.validation.predict_until(&self.model, &order, &mut look)?;
        self.images += images.unwrap_or(0) as u64;
        // A candidate whose numbers are none fails in its whole evaluation, as it always would
        // have.
        Ok(match below {
            _ if failed => None,
            Some(bound) => Some(Verdict::Rejected { bound }),
            None if doubtful || seen < last.len() => None,
            None => {
                let found = Predictions::new(logits, last.outputs(), last.targets().clone())?;
                Some(Verdict::Score(self.evaluate(average, found)?))
            }
        })
    }

    /// The order in which to look at a candidate: the images as hard as they are for the soup so
    /// far and for what is new, each with its weight.
    fn order(&self, average: &Average, last: &Predictions) -> Vec<usize> {
        let mut known = Vec::new();
        if let Average::Mean(parts) = average
            && let Some((new, before)) = parts.split_last()
        {
            let parts = [(before.len() as f64, &Average::mean(before.to_vec())), (1.0, new)];
            let of = parts.map(|(weight, part)| Some((weight, self.margin.get(part)?)));
            known.extend(of.into_iter().flatten().filter(|(_, margin)| margin.len() == last.len()));
        }
        if known.is_empty() {
            return hardest_first(&margins(self.metric, last));
        }
        let sum = |image| known.iter().map(|(weight, margin)| weight * margin[image]).sum();
        hardest_first(&(0..last.len()).map(sum).collect::<Vec<f64>>())
    }

    fn remember(&mut self, average: &Average, predictions: Predictions) {
        if self.metric != Metric::Auroc {
            self.margin.insert(average.clone(), margins(self.metric, &predictions));
        }
        self.last = Some(predictions);
    }

    fn evaluate(&mut self, average: &Average, predictions: Predictions) -> Result<f64, ScoreError> {
        let value = self.metric.evaluate(&predictions);
        self.remember(average, predictions);
        match value {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(format!("{} is undefined: {why}", self.metric).into()),
        }
    }

    /// The tensors of a mix that are not averages but computed anew, by name.
    pub fn recomputed(&self, average: &Average) -> Vec<String> {
        match (&self.recalibration, average.is_ingredient()) {
            (Some(_), false) => self.model.parameters().buffers().map(|buffer| buffer.name.clone()).collect(),
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
        if let Average::Ingredient(id) = candidate.average()
            && let Some(score) = self.known.get(id)
        {
            return Ok(*score);
        }
        let predictions = self.predict(&candidate.weights()?, candidate.average())?;
        self.evaluate(candidate.average(), predictions)
    }

    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        if let Average::Ingredient(_) = candidate.average() {
            return self.score(candidate).map(Verdict::Score);
        }
        self.load(&candidate.weights()?, candidate.average())?;
        if let Some(verdict) = self.early(candidate.average(), best, accept)? {
            return Ok(verdict);
        }
        let predictions = self.predict_loaded()?;
        self.evaluate(candidate.average(), predictions).map(Verdict::Score)
    }
}

/// How far a logit may be from that of the whole evaluation, as a share of the largest of its row:
/// an image is predicted in a batch of another size, and libtorch may add up in another order; on a
/// GPU it may also take another of cuDNN's algorithms, with products in TF32 (10 bits) or without.
fn slack(precision: Precision, device: Device) -> f32 {
    match (precision, device.is_cuda()) {
        (Precision::Fp32, false) => 1e-4,
        (Precision::Fp32, true) => 0.01,
        (Precision::Bf16, _) => 0.05,
    }
}
