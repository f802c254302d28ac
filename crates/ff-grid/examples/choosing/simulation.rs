//! A simulation of choices on few validation images, with the selectors and the scorer of tables.
//!
//! All models have the same accuracy, and so has every soup of them: on each image they share a
//! part of the margin between the true class and the other, and the rest is noise. The noise of a
//! soup of k models is √k times the mean of theirs, so that it varies as that of one model. One
//! model may be better: it and every soup of it have a higher margin.

use std::collections::{BTreeMap, HashMap};

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_eval::{Metric, Predictions, Targets};
use ff_grid::Error;
use ff_grid::run::{Predictor, ValidationScorer, cross_fit, folds};
use ff_soup::{Accept, Average, Hierarchy, Ingredient, Ingredients, Policy, Selector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The margin of the mean image, in standard deviations: 80 % of the images have one above 0.
const MARGIN: f64 = 0.841_621;
/// The share of the variance of margins that models have in common.
const COMMON: f64 = 0.8;
const TENSOR: &str = "noise";

/// The numbers of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Validation images.
    pub val: usize,
    /// Test images.
    pub test: usize,
    /// Models.
    pub models: usize,
    /// What the last model adds to its own margin and to that of every soup of it; 0: nothing.
    pub worth: f64,
    /// When a greedy soup keeps a model.
    pub accept: Accept,
    /// Folds of cross-fitting.
    pub folds: usize,
}

/// The result of one draw: accuracies, and what was chosen.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Models in the greedy soup.
    pub size: usize,
    /// True if the soup has the last model.
    pub has_last: bool,
    /// The greedy soup on validation, cross-fitted, and on test.
    pub soup: [f64; 3],
    /// The same of the best single model.
    pub single: [f64; 3],
    /// Sets of weights and images evaluated: for the plain greedy selection, and for cross-fitting it.
    pub cost: [[u64; 2]; 2],
}

/// Draws images and models, and selects.
pub fn draw(setting: &Setting, seed: u64) -> Result<Outcome, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let images = setting.val + setting.test;
    let mut normals = |count: usize| -> Vec<f32> { (0..count).map(|_| normal(&mut rng) as f32).collect() };
    let common = normals(images);
    let models = (0..setting.models).map(|at| {
        let noise = OwnedTensor::f32([images], &normals(images));
        let weights = StateDict::from_tensors(BTreeMap::from([(TENSOR.to_owned(), noise)]));
        Ingredient { id: format!("m{at}"), weights, fields: BTreeMap::new() }
    });
    let ingredients = Ingredients::new(models.collect())?;
    let last = format!("m{}", setting.models - 1);
    let greedy = Hierarchy { levels: vec![], policies: vec![Policy::Greedy { accept: setting.accept }] };
    let simulated =
        || Simulated { common: &common, setting, last: &last, loaded: Vec::new(), images: [0; 2] };
    let [soup, single] = [&greedy as &dyn Selector, &ff_soup::NthBest(1)].map(|selector| {
        let mut scorer = ValidationScorer::new(simulated(), Metric::Accuracy, HashMap::new()).for_parts();
        for one in ingredients.iter() {
            let mut model = simulated();
            model.load(&one.weights, &Average::Ingredient(one.id.clone()))?;
            scorer = scorer.with_predictions(&one.id, model.predict()?); // as training has saved them
        }
        let soup = selector.select(&ingredients, &mut scorer)?;
        let plain = [scorer.evaluations(), scorer.images()];
        let found = scorer.predictions(&soup.average, || ingredients.weights(&soup.average))?;
        let folds = folds(&found, Metric::Accuracy, setting.folds).map_err(Error::Job)?;
        let fitted = cross_fit(selector, &ingredients, &mut scorer, &folds, |_, _| Ok(()))?;
        let of = Metric::Accuracy.evaluate(&fitted.predictions).value().unwrap_or(f64::NAN);
        let mut all = simulated();
        all.load(&ingredients.weights(&soup.average)?, &soup.average)?;
        let right = all.loaded[setting.val..].iter().filter(|margin| **margin > 0.0).count();
        let test = right as f64 / setting.test as f64;
        let fitted = [scorer.evaluations() - plain[0], scorer.images() - plain[1]];
        Ok::<_, Error>((soup.average, [soup.score, of, test], [plain, fitted]))
    });
    let ((average, soup, cost), (_, single, _)) = (soup?, single?);
    let parts: Vec<&str> = average.shares().into_iter().map(|(id, _)| id).collect();
    let has_last = parts.contains(&last.as_str());
    Ok(Outcome { size: parts.len(), has_last, soup, single, cost })
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let (radius, angle) = (uniform(), uniform());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Images with two classes, and the margins of the loaded soup on them.
struct Simulated<'a> {
    common: &'a [f32],
    setting: &'a Setting,
    last: &'a str,
    loaded: Vec<f32>,
    /// Sets of weights loaded, and images predicted.
    images: [u64; 2],
}

impl Predictor for Simulated<'_> {
    fn load(&mut self, weights: &StateDict, average: &Average) -> Result<(), Error> {
        let noise = weights.get(TENSOR).and_then(|tensor| tensor.to_f32()).unwrap_or_default();
        let parts: Vec<&str> = average.shares().into_iter().map(|(id, _)| id).collect();
        let worth = if parts.contains(&self.last) { self.setting.worth } else { 0.0 };
        let own = ((1.0 - COMMON) * parts.len() as f64).sqrt();
        let margin = |(common, noise): (&f32, &f32)| {
            (MARGIN + worth + COMMON.sqrt() * f64::from(*common) + own * f64::from(*noise)) as f32
        };
        self.loaded = self.common.iter().zip(&noise).map(margin).collect();
        self.images[0] += 1;
        Ok(())
    }

    fn predict(&mut self) -> Result<Predictions, Error> {
        let val = self.setting.val;
        self.images[1] += val as u64;
        let logits = self.loaded[..val].iter().enumerate().flat_map(|(row, margin)| logits(row, *margin));
        Ok(Predictions::new(logits.collect(), 2, Targets::Classes((0..val).map(|row| row % 2).collect()))?)
    }

    fn predict_until(
        &mut self,
        order: &[usize],
        enough: &mut dyn FnMut(usize, &[f32]) -> bool,
    ) -> Result<(), Error> {
        for rows in order.chunks(32) {
            self.images[1] += rows.len() as u64;
            let mut stop = false;
            rows.iter().for_each(|&row| stop |= enough(row, &logits(row, self.loaded[row])));
            if stop {
                break;
            }
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.setting.val
    }

    fn slack(&self) -> f32 {
        0.0
    }

    fn evaluations(&self) -> u64 {
        self.images[0]
    }

    fn images(&self) -> u64 {
        self.images[1]
    }

    fn recomputes_from(&self) -> usize {
        0
    }
}

/// The logits of an image, whose class is the parity of its row.
fn logits(row: usize, margin: f32) -> [f32; 2] {
    let mut logits = [0.0; 2];
    logits[row % 2] = margin;
    logits
}
