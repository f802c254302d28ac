//! Simulated patients, on which 95 % intervals are compared with the true values, with the images
//! of a patient as independent samples and as a group.

use std::f64::consts::TAU;

use ff_eval::{DeLong, Interval, Metric, Predictions, Targets, bootstrap, bootstrap_difference, delong};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The distance between the mean scores of positives and negatives, in standard deviations: an
/// AUROC of about 0.80.
const DISTANCE: f64 = 1.2;
/// The true accuracy at the threshold halfway between them, Φ(0.6).
const ACCURACY: f64 = 0.725_746_882_249_926_5;
/// The fraction of a score's variance that all images of a patient share.
const OF_PATIENT: f64 = 0.4;
/// The fraction of either variance that both models share.
const OF_BOTH: f64 = 0.5;
/// The fraction of the patients that are ill.
const ILL: f64 = 0.4;
/// The fraction of the images whose label is not their patient's.
const OTHER_LABEL: f64 = 0.1;

/// The number of patients, and of images of each.
#[derive(Clone, Copy)]
pub struct Design {
    pub patients: usize,
    pub images: usize,
}

/// Counts of the runs with an interval, and of those in which it misses the true value.
#[derive(Clone, Copy, Default)]
pub struct Misses {
    missed: u32,
    intervals: u32,
}

impl Misses {
    fn add(&mut self, interval: Option<(f64, f64)>, truth: f64) {
        if let Some((low, high)) = interval {
            self.intervals += 1;
            self.missed += u32::from(truth < low || high < truth);
        }
    }

    /// The fraction of misses, from 0 to 1.
    pub fn rate(self) -> f64 {
        f64::from(self.missed) / f64::from(self.intervals)
    }
}

/// The intervals of [`misses`]: DeLong's of the difference of two AUROCs, whose true value is 0;
/// the bootstrap's of the same difference; the bootstrap's of one model's accuracy.
pub const INTERVALS: [&str; 3] =
    ["DeLong, difference of AUROC", "bootstrap, difference of AUROC", "bootstrap, accuracy"];

/// Counts the misses of each of [`INTERVALS`] in `runs` runs, with the images of a patient as
/// independent samples and as a group.
///
/// Run `r` is a pure function of (design, resamples, r).
pub fn misses(design: Design, resamples: usize, runs: u64) -> [[Misses; 3]; 2] {
    let mut found = [[Misses::default(); 3]; 2];
    for run in 0..runs {
        let models = draw(design, run);
        let patient = |image| (image / design.images) as u32;
        let groups: Vec<u32> = (0..models[0].len()).map(patient).collect();
        let grouped = models.clone().map(|model| model.with_groups(groups.clone()).unwrap());
        for (of, [one, other]) in found.iter_mut().zip([models, grouped]) {
            let test = match &delong(&one, &other).unwrap()[0].outcome {
                DeLong::Defined(test) => Some(test.interval),
                DeLong::Undefined(_) => None,
            };
            let difference = bootstrap_difference(Metric::Auroc, &one, &other, resamples, run).unwrap();
            let difference = difference.and_then(|difference| difference.interval);
            let accuracy = bootstrap(Metric::Accuracy, &one, resamples, run);
            let ends = |interval: Interval| (interval.low, interval.high);
            of[0].add(test, 0.0);
            of[1].add(difference.map(ends), 0.0);
            of[2].add(accuracy.map(ends), ACCURACY);
        }
    }
    found
}

/// Draws the predictions of two equally good models on the same images.
///
/// A score is the sum of the label's mean, a term of the patient and a term of the image. Both
/// models share a part of either term.
fn draw(design: Design, run: u64) -> [Predictions; 2] {
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(run));
    let (mut logits, mut classes) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..design.patients {
        let ill = chance.uniform() < ILL;
        let of_patient = chance.pair();
        for _ in 0..design.images {
            let positive = ill != (chance.uniform() < OTHER_LABEL);
            let of_image = chance.pair();
            classes.push(usize::from(positive));
            for (model, logits) in logits.iter_mut().enumerate() {
                let noise =
                    OF_PATIENT.sqrt() * of_patient[model] + (1.0 - OF_PATIENT).sqrt() * of_image[model];
                let mean = if positive { DISTANCE / 2.0 } else { -DISTANCE / 2.0 };
                logits.extend([0.0, (mean + noise) as f32]);
            }
        }
    }
    logits.map(|logits| Predictions::new(logits, 2, Targets::Classes(classes.clone())).unwrap())
}

struct Chance(ChaCha8Rng);

impl Chance {
    /// A uniform number between 0 and 1, without the ends.
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// A standard normal number, by Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// A standard normal number for each model, with a common part.
    fn pair(&mut self) -> [f64; 2] {
        let common = OF_BOTH.sqrt() * self.normal();
        [(); 2].map(|()| common + (1.0 - OF_BOTH).sqrt() * self.normal())
    }
}
