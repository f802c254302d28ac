//! Scores of soup candidates on validation images.
//!
//! Evaluation of a candidate stops early, and the selected soup stays the same. The scorer
//! evaluates the hardest images first, and stops when an upper bound of the score ([`ScoreBound`])
//! cannot win. The record then has the bound in place of the score. The images are in another order
//! and in batches of another size than in a full evaluation, which can shift logits. An image with
//! two logits closer than this shift counts as not evaluated, so the bound holds for every metric.
//! A candidate that is not refused by its bound is evaluated on all images.

use std::collections::HashMap;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_eval::{Metric, Predictions, ScoreBound, Value, hardest_first, margins};
use ff_models::{Model, Precision};
use ff_soup::{Accept, Average, Candidate, Network, ScoreError, Scorer, Verdict};
use ff_train::{EvalSet, Recalibration};
use tch::Device;

use super::network::FittedNetwork;
use crate::error::Error;

/// Scores soup candidates on validation images. Known scores of single models are not computed
/// again.
pub struct ValidationScorer<'a> {
    model: Model,
    validation: &'a EvalSet,
    metric: Metric,
    known: HashMap<String, f64>,
    recalibration: Option<Arc<Recalibration>>,
    /// The last predictions of all images: they have the targets, and their margins order the
    /// images if those of a candidate's parts are unknown.
    last: Option<Predictions>,
    /// Margins of each image, by the average that predicted all images.
    margin: HashMap<Average, Vec<f64>>,
    network: Option<FittedNetwork>,
    evaluations: u64,
    images: u64,
}

/// Images between two computations of the bound.
const STEP: usize = 32;

impl<'a> ValidationScorer<'a> {
    /// Makes a scorer that loads weights into `model`. `known` has scores of ingredients by id,
    /// which are not evaluated.
    pub fn new(model: Model, validation: &'a EvalSet, metric: Metric, known: HashMap<String, f64>) -> Self {
        Self {
            model,
            validation,
            metric,
            known,
            recalibration: None,
            last: None,
            margin: HashMap::new(),
            network: None,
            evaluations: 0,
            images: 0,
        }
    }

    /// Adds an ingredient's predictions on the validation images, such as training saves. The
    /// ingredient is then not evaluated, and candidates that contain it are evaluated on its
    /// hardest images first.
    pub fn with_predictions(mut self, ingredient: &str, predictions: Predictions) -> Self {
        if !self.known.contains_key(ingredient)
            && let Some(score) = self.metric.evaluate(&predictions).value()
        {
            self.known.insert(ingredient.to_owned(), score);
        }
        self.remember(&Average::Ingredient(ingredient.to_owned()), predictions);
        self
    }

    /// Recomputes the BatchNorm statistics of every average from `images` before it is evaluated.
    pub fn recalibrated_on(self, images: Arc<Recalibration>) -> Self {
        Self { recalibration: Some(images), ..self }
    }

    /// Adds a network to fit coefficients with.
    pub(super) fn with_network(self, network: FittedNetwork) -> Self {
        Self { network: Some(network), ..self }
    }

    /// Returns the number of sets of weights evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Returns the number of images read so far, for evaluations, fits and BatchNorm statistics.
    pub fn images(&self) -> u64 {
        self.images + self.network.as_ref().map_or(0, FittedNetwork::images)
    }

    /// Predicts the validation images with the weights of an average.
    ///
    /// # Errors
    /// Weights that do not fit the model, images that cannot be read, logits that are not finite.
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

    /// Evaluates the loaded candidate, hardest images first, until it cannot win. `None`: only a
    /// full evaluation can decide.
    fn early(&mut self, average: &Average, best: f64, accept: Accept) -> Result<Option<Verdict>, ScoreError> {
        // In AUROC every pair of images has a small share, so evaluation cannot stop early.
        let rows = self.validation.len() - self.validation.skipped().len();
        let of_these = |last: &&Predictions| self.metric != Metric::Auroc && last.len() == rows;
        let Some(last) = self.last.as_ref().filter(of_these) else { return Ok(None) };
        let order = self.order(average, last);
        let mut score_bound = ScoreBound::new(self.metric, last.targets(), last.outputs());
        let slack = slack(self.model.spec().precision, self.model.device());
        let mut logits = last.logits().to_vec();
        let (mut seen, mut below, mut failed, mut uncertain) = (0, None, false, false);
        let mut observe = |row: usize, found: &[f32]| {
            let room = slack * found.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
            match score_bound.observe_within(row, found, room) {
                Ok(decided) => uncertain |= !decided,
                Err(_) => failed = true,
            }
            logits[row * last.outputs()..][..found.len()].copy_from_slice(found);
            seen += 1;
            if seen % STEP == 0 && below.is_none() {
                let bound = score_bound.bound();
                below = (!accept.accepts(bound, best)).then_some(bound);
            }
            // With an uncertain image only a full evaluation can keep the candidate, so stop unless
            // the bound refuses it soon.
            below.is_some() || failed || uncertain && 2 * seen > last.len()
        };
        let images = self.validation.predict_until(&self.model, &order, &mut observe)?;
        self.images += images.unwrap_or(0) as u64;
        // Logits that are not finite are an error of the full evaluation.
        Ok(match below {
            _ if failed => None,
            Some(bound) => Some(Verdict::Rejected { bound }),
            None if uncertain || seen < last.len() => None,
            None => {
                let found = Predictions::new(logits, last.outputs(), last.targets().clone())?;
                Some(Verdict::Score(self.evaluate(average, found)?))
            }
        })
    }

    /// Returns the images in the order to evaluate a candidate: hardest first, by the margins of
    /// the soup so far and of the new part, with their weights.
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

    /// Returns the names of an average's tensors that are recomputed and not averaged.
    pub fn recomputed(&self, average: &Average) -> Vec<String> {
        match (&self.recalibration, average.is_ingredient()) {
            (Some(_), false) => self.model.parameters().buffers().map(|buffer| buffer.name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the weights that were evaluated last, with recomputed statistics.
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

    fn network(&mut self) -> Option<&mut dyn Network> {
        self.network.as_mut().map(|network| network as &mut dyn Network)
    }
}

/// Returns how far a logit may be from that of a full evaluation, as a share of the largest of its
/// row.
///
/// In a batch of another size, libtorch may sum in another order, and on a GPU it may use another
/// algorithm of cuDNN.
fn slack(precision: Precision, device: Device) -> f32 {
    match (precision, device.is_cuda()) {
        (Precision::Fp32 | Precision::Tf32, false) => 1e-4,
        (Precision::Fp32, true) => 1e-3,
        (Precision::Tf32, true) => 0.01,
        (Precision::Bf16, _) => 0.05,
    }
}
