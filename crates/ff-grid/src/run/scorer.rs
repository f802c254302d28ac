//! Scores of soup candidates on validation images, or on a part of them.
//!
//! Evaluation of a candidate stops early, and the selected soup stays the same. The scorer
//! evaluates the hardest images first, and stops when an upper bound of the score ([`ScoreBound`])
//! cannot win. The record then has the bound in place of the score. The images are in another order
//! and in batches of another size than in a full evaluation, which can shift logits. An image with
//! two logits closer than this shift counts as not evaluated, and of a log loss the least that it
//! may be counts, so the bound holds for every metric. A candidate that is not refused by its bound
//! is evaluated on all images.
//!
//! With [`Accept::OneSe`] a bound that is not above the score to beat refuses the candidate too,
//! whatever the standard error is, so early stopping is exact for it as well.
//!
//! Predictions are kept. A selection on another part of the images, as in cross-fitting, evaluates
//! only candidates that none before had evaluated.

use std::collections::HashMap;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_eval::{Metric, Predictions, ScoreBound, Value, hardest_first, margins, standard_error};
use ff_soup::{Accept, Average, Candidate, Network, ScoreError, Scorer, Verdict};

use super::network::FittedNetwork;
use super::predictor::Predictor;
use crate::error::Error;
use crate::job::Cost;

/// The fewest images between two computations of the bound.
const STEP: usize = 32;
/// The most times that a bound is computed of a candidate, as each may take a pass over all images.
const BOUNDS: usize = 256;
/// Resamples for a standard error, for which 200 are enough (Efron and Tibshirani 1993, *An
/// Introduction to the Bootstrap*, §6.4).
const RESAMPLES: usize = 200;
/// Seed of these resamples.
const SEED: u64 = 0;
/// The most bytes that are kept of candidates that were rejected: logits, and names of models.
const KEEP_BYTES: usize = 512 << 20;

/// Scores soup candidates on validation images. Known scores of single models are not computed
/// again.
pub struct ValidationScorer<P> {
    /// Predicts with the weights of candidates.
    pub predictor: P,
    metric: Metric,
    /// Scores of single models on all images.
    known: HashMap<String, f64>,
    /// Predictions of all images.
    kept: HashMap<Average, Kept>,
    /// Logits of some images, by row, of candidates whose evaluation ended early.
    begun: HashMap<Average, Begun>,
    /// Bytes of rejected candidates in `kept` and `begun`.
    bytes: usize,
    /// The last predictions: they have the targets, and their margins order the images if those of a
    /// candidate's parts are unknown.
    last: Option<Arc<Predictions>>,
    /// The images that count, ascending; all if it is `None`.
    part: Option<Vec<usize>>,
    /// True if selections on parts follow.
    in_parts: bool,
    network: Option<FittedNetwork>,
    /// Images that earlier networks read.
    fitted: u64,
}

/// The logits of some images, by row.
type Begun = Vec<(usize, Vec<f32>)>;

/// Predictions of all images.
struct Kept {
    predictions: Arc<Predictions>,
    /// False if the images were in batches of another size than in a full evaluation, which may
    /// change the last bits of logits, but not the score.
    exact: bool,
}

/// The images that count, and where each row of the predictions is among them.
struct Counted {
    predictions: Arc<Predictions>,
    places: Vec<Option<usize>>,
}

impl<P: Predictor> ValidationScorer<P> {
    /// Makes a scorer by a metric. `known` has scores of ingredients by id, by this metric on all
    /// images, which are not evaluated.
    pub fn new(predictor: P, metric: Metric, known: HashMap<String, f64>) -> Self {
        Self {
            predictor,
            metric,
            known,
            kept: HashMap::new(),
            begun: HashMap::new(),
            bytes: 0,
            last: None,
            part: None,
            in_parts: false,
            network: None,
            fitted: 0,
        }
    }

    /// Adds an ingredient's predictions on the validation images, such as training saves. The
    /// ingredient is then not evaluated, and candidates that contain it are evaluated on its
    /// hardest images first.
    pub fn with_predictions(mut self, ingredient: &str, predictions: Predictions) -> Self {
        self.keep(&Average::Ingredient(ingredient.to_owned()), predictions, true, true);
        self
    }

    /// Tells that selections on parts of the images follow, for which more is kept.
    pub fn for_parts(self) -> Self {
        Self { in_parts: true, ..self }
    }

    /// Sets the network to fit coefficients with.
    pub(super) fn set_network(&mut self, network: FittedNetwork) {
        self.fitted += self.network.replace(network).map_or(0, |before| before.images());
    }

    /// Scores on these images only, given by their rows in the predictions, ascending; on all with
    /// `None`.
    pub fn score_on(&mut self, rows: Option<Vec<usize>>) {
        self.part = rows;
    }

    /// Returns true if all predictions that are kept are of as many images as these.
    pub(super) fn has_only_like(&self, predictions: &Predictions) -> bool {
        self.kept.values().all(|kept| kept.predictions.len() == predictions.len())
    }

    /// Returns the number of sets of weights evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.predictor.evaluations()
    }

    /// Returns the number of images read so far, for evaluations, fits and BatchNorm statistics.
    pub fn images(&self) -> u64 {
        self.predictor.images() + self.fitted + self.network.as_ref().map_or(0, FittedNetwork::images)
    }

    /// Returns what was spent so far: the evaluations and the images.
    pub(super) fn spent(&self) -> Cost {
        Cost { evaluations: self.evaluations(), evaluated_images: self.images(), ..Cost::default() }
    }

    /// Predicts the validation images with the weights of an average.
    ///
    /// # Errors
    /// Weights that do not fit the model, images that cannot be read, logits that are not finite.
    pub fn predict(&mut self, weights: &StateDict, average: &Average) -> Result<Predictions, Error> {
        self.predictor.load(weights, average)?;
        self.predictor.predict()
    }

    /// Returns the predictions of an average on all images, which are computed if they are not known.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict), and of `weights`.
    pub fn predictions(
        &mut self,
        average: &Average,
        weights: impl FnOnce() -> Result<StateDict, ff_soup::Error>,
    ) -> Result<Arc<Predictions>, Error> {
        if let Some(Kept { predictions, exact: true }) = self.kept.get(average) {
            return Ok(predictions.clone());
        }
        let found = self.predict(&weights()?, average)?;
        Ok(self.keep(average, found, true, true))
    }

    /// Keeps predictions if they are `needed` later, or while there is room.
    fn keep(&mut self, average: &Average, found: Predictions, exact: bool, needed: bool) -> Arc<Predictions> {
        let predictions = Arc::new(found);
        self.take_begun(average);
        let bytes = size_of_val(predictions.logits()) + bytes_of(average);
        if needed || self.in_parts && self.bytes + bytes <= KEEP_BYTES {
            self.bytes += if needed { 0 } else { bytes };
            self.kept.insert(average.clone(), Kept { predictions: predictions.clone(), exact });
        }
        self.last = Some(predictions.clone());
        predictions
    }

    /// Computes the score on the images that count.
    fn value(&self, predictions: &Predictions) -> Result<f64, ScoreError> {
        let found = match &self.part {
            None => self.metric.evaluate(predictions),
            Some(rows) => self.metric.evaluate(&predictions.subset(rows)),
        };
        match found {
            Value::Defined(score) => Ok(score),
            Value::Undefined(why) => Err(format!("{} is undefined: {why}", self.metric).into()),
        }
    }

    /// Returns the images that count, if an evaluation may stop early; what is known of the images
    /// comes from the last predictions.
    fn counted(&self) -> Option<Counted> {
        // Predictions of training may be of other images, if some can no longer be read.
        let last = self.last.as_ref().filter(|last| last.len() == self.predictor.rows())?;
        // In AUROC every pair of images has a small share, so evaluation cannot stop early. Nor is it
        // worth while if statistics take more images, and the rest is wanted for another part.
        let dear = self.in_parts && self.predictor.recomputes_from() >= last.len();
        if self.metric == Metric::Auroc || dear {
            return None;
        }
        Some(match &self.part {
            None => Counted { predictions: last.clone(), places: (0..last.len()).map(Some).collect() },
            Some(rows) => {
                let mut places = vec![None; last.len()];
                rows.iter().enumerate().for_each(|(place, &row)| places[row] = Some(place));
                Counted { predictions: Arc::new(last.subset(rows)), places }
            }
        })
    }

    /// Makes the bound of an average's score from the images that it predicted before. Also returns
    /// true if only a full evaluation can give the score.
    fn bound<'c>(&self, counted: &'c Counted, average: &Average) -> Option<(ScoreBound<'c>, bool)> {
        let of = &counted.predictions;
        let mut bound = ScoreBound::new(self.metric, of.targets(), of.outputs());
        let mut uncertain = false;
        for (row, logits) in self.begun.get(average).into_iter().flatten() {
            if let Some(place) = counted.places[*row] {
                let room = room(self.predictor.slack(), logits);
                uncertain |= !bound.observe_within(place, logits, room).ok()?;
            }
        }
        Some((bound, uncertain))
    }

    /// Evaluates the loaded candidate, hardest images first, until it cannot win. `None`: only a
    /// full evaluation can decide.
    fn early(
        &mut self,
        counted: &Counted,
        average: &Average,
        best: f64,
        accept: Accept,
    ) -> Result<Option<Verdict>, ScoreError> {
        let Some((mut bound, mut uncertain)) = self.bound(counted, average) else { return Ok(None) };
        let mut begun = self.take_begun(average);
        let mut wanted: Vec<bool> = counted.places.iter().map(Option::is_some).collect();
        begun.iter().for_each(|(row, _)| wanted[*row] = false);
        let order: Vec<usize> = self.order(average).into_iter().filter(|row| wanted[*row]).collect();
        let (slack, of_loss) = (self.predictor.slack(), self.metric == Metric::LogLoss);
        let step = STEP.max(counted.predictions.len() / BOUNDS);
        let (mut seen, mut below, mut failed) = (0, None, false);
        let mut observe = |row: usize, found: &[f32]| {
            let place = counted.places[row].unwrap_or_default();
            match bound.observe_within(place, found, room(slack, found)) {
                Ok(decided) => uncertain |= !decided,
                Err(_) => failed = true,
            }
            begun.push((row, found.to_vec()));
            seen += 1;
            if seen % step == 0 && below.is_none() {
                let bound = bound.bound();
                below = (!accept.accepts(bound, best)).then_some(bound);
            }
            // With an uncertain image only a full evaluation can keep the candidate, so stop unless
            // the bound refuses it soon.
            below.is_some() || failed || uncertain && !of_loss && 2 * seen > order.len()
        };
        self.predictor.predict_until(&order, &mut observe)?;
        // Logits that are not finite are an error of the full evaluation.
        if failed || below.is_none() && (uncertain || seen < order.len()) {
            return Ok(None);
        }
        let bound = bound.bound();
        if below.is_some() || !accept.accepts(bound, best) {
            self.begin(average, begun);
            return Ok(Some(Verdict::Rejected { bound: below.unwrap_or(bound) }));
        }
        Ok(match self.part {
            Some(_) => None,
            None => Some(Verdict::Score(self.assembled(average, &counted.predictions, begun)?)),
        })
    }

    /// Scores predictions of all images that were made in another order.
    fn assembled(&mut self, average: &Average, last: &Predictions, begun: Begun) -> Result<f64, ScoreError> {
        let mut logits = last.logits().to_vec();
        for (row, found) in begun {
            logits[row * last.outputs()..][..found.len()].copy_from_slice(&found);
        }
        let found = self.keep(average, last.with_logits(logits)?, false, true);
        self.value(&found)
    }

    /// Takes out the logits of some images of an average that was begun.
    fn take_begun(&mut self, average: &Average) -> Begun {
        let Some(rows) = self.begun.remove(average) else { return Vec::new() };
        self.bytes -= bytes_of_rows(&rows) + bytes_of(average);
        rows
    }

    /// Keeps logits of some images for a selection on another part.
    fn begin(&mut self, average: &Average, rows: Begun) {
        let bytes = bytes_of_rows(&rows) + bytes_of(average);
        if self.in_parts && self.bytes + bytes <= KEEP_BYTES {
            self.bytes += bytes;
            self.begun.insert(average.clone(), rows);
        }
    }

    /// Returns the images in the order to evaluate a candidate: hardest first, by the margins of
    /// the soup so far and of the new part, with their weights.
    fn order(&self, average: &Average) -> Vec<usize> {
        let of = |predictions: &Predictions| margins(self.metric, predictions);
        let mut sum: Option<Vec<f64>> = None;
        if let Average::Mean(parts) = average
            && let Some((new, before)) = parts.split_last()
        {
            for (weight, part) in [(before.len() as f64, &Average::mean(before.to_vec())), (1.0, new)] {
                let Some(kept) = self.kept.get(part) else { continue };
                if kept.predictions.len() != self.predictor.rows() {
                    continue;
                }
                let margins = of(&kept.predictions);
                let sum = sum.get_or_insert_with(|| vec![0.0; margins.len()]);
                sum.iter_mut().zip(margins).for_each(|(sum, margin)| *sum += weight * margin);
            }
        }
        match (sum, &self.last) {
            (Some(sum), _) => hardest_first(&sum),
            (None, Some(last)) => hardest_first(&of(last)),
            (None, None) => Vec::new(),
        }
    }
}

/// Returns about the bytes of rows, each with its allocation.
fn bytes_of_rows(rows: &[(usize, Vec<f32>)]) -> usize {
    rows.iter().map(|(_, logits)| size_of_val(logits.as_slice()) + 48).sum()
}

/// Returns about the bytes of an average's tree, which names every model.
fn bytes_of(average: &Average) -> usize {
    average.shares().iter().map(|(id, _)| size_of::<Average>() + id.len()).sum()
}

/// Returns how far the logits of an image may be from those of a full evaluation.
fn room(slack: f32, logits: &[f32]) -> f32 {
    slack * logits.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()))
}

impl<P: Predictor> Scorer for ValidationScorer<P> {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        let average = candidate.average();
        if let (Average::Ingredient(id), None) = (average, &self.part)
            && let Some(score) = self.known.get(id)
        {
            return Ok(*score);
        }
        let found = match self.kept.get(average) {
            Some(kept) => kept.predictions.clone(),
            None => {
                let found = self.predict(&candidate.weights()?, average)?;
                self.keep(average, found, true, true)
            }
        };
        self.value(&found)
    }

    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), ScoreError> {
        Ok(self.predictor.announce(candidates)?)
    }

    fn beats(&mut self, candidate: &Candidate<'_>, best: f64, accept: Accept) -> Result<Verdict, ScoreError> {
        let average = candidate.average();
        if average.is_ingredient() || self.kept.contains_key(average) {
            return self.score(candidate).map(Verdict::Score);
        }
        let counted = self.counted();
        if let Some(counted) = counted.as_ref().filter(|_| self.begun.contains_key(average))
            && let Some((mut bound, _)) = self.bound(counted, average)
        {
            let bound = bound.bound();
            if !accept.accepts(bound, best) {
                return Ok(Verdict::Rejected { bound });
            }
        }
        self.predictor.load(&candidate.weights()?, average)?;
        if let Some(counted) = counted
            && let Some(verdict) = self.early(&counted, average, best, accept)?
        {
            return Ok(verdict);
        }
        let found = self.predictor.predict()?;
        let score = self.value(&found)?;
        self.keep(average, found, true, accept.accepts(score, best));
        Ok(Verdict::Score(score))
    }

    fn standard_error(&mut self, tried: &Average, before: &Average) -> Result<Option<f64>, ScoreError> {
        let (Some(tried), Some(before)) = (self.kept.get(tried), self.kept.get(before)) else {
            return Ok(None);
        };
        let [before, tried] = [before, tried].map(|kept| match &self.part {
            None => kept.predictions.clone(),
            Some(rows) => Arc::new(kept.predictions.subset(rows)),
        });
        let found = standard_error(self.metric, &before, &tried, RESAMPLES, SEED)?;
        if found.is_some() {
            return Ok(found);
        }
        let why = match before.group_count() {
            Some(..2) => "expected validation images of at least 2 groups (patients), found 1".to_owned(),
            _ => format!("{} is undefined on resamples of the validation images", self.metric.title()),
        };
        Err(format!("`one-se`: {why}\nhint: set accept = \"greater\"").into())
    }

    fn network(&mut self) -> Option<&mut dyn Network> {
        self.network.as_mut().map(|network| network as &mut dyn Network)
    }
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;
    use ff_eval::Targets;

    use super::*;

    /// Predicts images of one class, the first of them correctly, as many as its weight says.
    #[derive(Default)]
    struct Toy {
        images: usize,
        right: usize,
        read: u64,
    }

    impl Toy {
        fn logits(&self, row: usize) -> [f32; 2] {
            if row < self.right { [1.0, 0.0] } else { [0.0, 1.0] }
        }
    }

    impl Predictor for Toy {
        fn load(&mut self, weights: &StateDict, _: &Average) -> Result<(), Error> {
            let right = weights.get("right").and_then(|tensor| tensor.to_f64()).expect("the only tensor");
            self.right = right[0] as usize;
            Ok(())
        }

        fn predict(&mut self) -> Result<Predictions, Error> {
            self.read += self.images as u64;
            let logits = (0..self.images).flat_map(|row| self.logits(row)).collect();
            Ok(Predictions::new(logits, 2, Targets::Classes(vec![0; self.images]))?)
        }

        fn predict_until(
            &mut self,
            order: &[usize],
            enough: &mut dyn FnMut(usize, &[f32]) -> bool,
        ) -> Result<(), Error> {
            for &row in order {
                self.read += 1;
                if enough(row, &self.logits(row)) {
                    break;
                }
            }
            Ok(())
        }

        fn rows(&self) -> usize {
            self.images
        }

        fn slack(&self) -> f32 {
            0.0
        }

        fn evaluations(&self) -> u64 {
            0
        }

        fn images(&self) -> u64 {
            self.read
        }

        fn recomputes_from(&self) -> usize {
            0
        }
    }

    fn scorer(metric: Metric, images: usize) -> ValidationScorer<Toy> {
        ValidationScorer::new(Toy { images, ..Toy::default() }, metric, HashMap::new()).for_parts()
    }

    fn mean(ids: &[&str]) -> Average {
        Average::mean(ids.iter().map(|id| Average::Ingredient((*id).to_owned())).collect())
    }

    /// Returns whether an average that predicts so many images correctly beats a score.
    fn beats(scorer: &mut ValidationScorer<Toy>, average: &Average, right: usize, best: f64) -> Verdict {
        let tensors = [("right".to_owned(), OwnedTensor::f32([1], &[right as f32]))];
        let weights = StateDict::from_tensors(tensors.into());
        let weights = || Ok(weights.clone());
        scorer.beats(&Candidate::new(average, &weights), best, Accept::Greater).unwrap()
    }

    #[test]
    fn a_bound_is_computed_a_limited_number_of_times() {
        let mut scorer = scorer(Metric::LogLoss, 64 * BOUNDS);
        beats(&mut scorer, &mean(&["a"]), 64 * BOUNDS, 0.0);
        let before = scorer.images();
        // Losses of ln(1 + e) on wrong images are more than ln(1 + 1/e) on all after 3,909 of 16,384.
        let best = -(-1f64).exp().ln_1p();
        assert!(matches!(beats(&mut scorer, &mean(&["a", "b"]), 0, best), Verdict::Rejected { .. }));
        assert_eq!(scorer.images() - before, 62 * 64);
    }

    #[test]
    fn the_bytes_of_rejected_candidates_are_those_that_are_kept() {
        let mut scorer = scorer(Metric::Accuracy, 256);
        beats(&mut scorer, &mean(&["a"]), 256, 0.0);
        assert_eq!(scorer.bytes, 0, "a single model is needed later");
        let rejected = mean(&["a", "b"]);
        let mut kept = Vec::new();
        for (part, best) in [(0..200, 0.9), (28..228, 0.7), (56..256, 0.5)] {
            scorer.score_on(Some(part.collect()));
            assert!(matches!(beats(&mut scorer, &rejected, 120, best), Verdict::Rejected { .. }));
            kept.push(scorer.begun[&rejected].len());
            assert_eq!(scorer.bytes, bytes_of_rows(&scorer.begun[&rejected]) + bytes_of(&rejected));
        }
        assert_eq!(kept, [160, 192, 224], "each part needs some images more");
        scorer.score_on(None);
        assert_eq!(beats(&mut scorer, &rejected, 120, 0.4), Verdict::Score(120.0 / 256.0));
        assert_eq!((scorer.bytes, scorer.begun.len()), (0, 0), "it is in a soup");
    }

    #[test]
    fn a_missing_standard_error_is_explained() {
        let predictions = Predictions::new(vec![0.0; 24], 2, Targets::Classes(vec![0; 12])).unwrap();
        let why = |metric, predictions: Predictions| {
            let scorer = scorer(metric, 12).with_predictions("a", predictions.clone());
            let mut scorer = scorer.with_predictions("b", predictions);
            scorer.standard_error(&mean(&["a"]), &mean(&["b"])).unwrap_err().to_string()
        };
        let grouped = predictions.clone().with_groups(vec![3; 12]).unwrap();
        assert!(why(Metric::Accuracy, grouped).contains("at least 2 groups (patients), found 1\nhint:"));
        assert!(why(Metric::Auroc, predictions).contains("AUROC is undefined on resamples"));
    }
}
