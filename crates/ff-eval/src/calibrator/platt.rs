//! Platt scaling: a sigmoid of a linear function of the logit.

use crate::paired::deviation;
use crate::probability::sigmoid;
use crate::spread::mean;

/// Fits slope and intercept of sigmoid(slope·z + intercept) to logits with their truths.
///
/// It minimises the cross entropy with targets slightly inside 0 and 1: (N₊ + 1)/(N₊ + 2) for
/// positives and 1/(N₋ + 2) for negatives (Platt 1999, §2.2). So the minimum is finite for
/// separable samples too. The method is Newton's with step halving (Lin, Lin and Weng 2007, *A Note
/// on Platt's Probabilistic Outputs for Support Vector Machines*) on standardised logits.
///
/// # Errors
/// A text that says why, if the logits are all equal or the slope is not above 0.
pub(super) fn fit(samples: &[(f32, bool)]) -> Result<(f64, f64), String> {
    let logits: Vec<f64> = samples.iter().map(|of| f64::from(of.0)).collect();
    let (Some(centre), Some(spread)) = (mean(&logits), deviation(&logits).filter(|spread| *spread > 0.0))
    else {
        return Err("all logits are equal".to_owned());
    };
    let positives = samples.iter().filter(|of| of.1).count() as f64;
    let negatives = samples.len() as f64 - positives;
    let [low, high] = [1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)];
    let points: Vec<(f64, f64)> = logits
        .iter()
        .zip(samples)
        .map(|(logit, of)| ((logit - centre) / spread, if of.1 { high } else { low }))
        .collect();

    let mut line = Line { slope: 0.0, intercept: ((positives + 1.0) / (negatives + 1.0)).ln() };
    let mut loss = line.loss(&points);
    'newton: for _ in 0..100 {
        let step = line.newton_step(&points);
        let mut share = 1.0;
        loop {
            let next = Line {
                slope: line.slope + share * step.slope,
                intercept: line.intercept + share * step.intercept,
            };
            let of_next = next.loss(&points);
            if of_next < loss {
                (line, loss) = (next, of_next);
                break;
            }
            share /= 2.0;
            if share < 1e-6 {
                break 'newton; // nothing but rounding is left to gain
            }
        }
    }
    let slope = line.slope / spread;
    if slope > 0.0 {
        Ok((slope, line.intercept - slope * centre))
    } else {
        Err("its probability does not rise with its logit".to_owned())
    }
}

/// A linear function, or a step between two.
struct Line {
    slope: f64,
    intercept: f64,
}

impl Line {
    fn at(&self, x: f64) -> f64 {
        self.slope * x + self.intercept
    }

    /// The summed cross entropy of the sigmoid of the line with the targets.
    fn loss(&self, points: &[(f64, f64)]) -> f64 {
        let of_point = |&(x, target): &(f64, f64)| {
            let s = self.at(x);
            s.max(0.0) + (-s.abs()).exp().ln_1p() - target * s
        };
        points.iter().map(of_point).sum()
    }

    /// The step to the minimum of the quadratic function with the slope and curvature of the loss.
    fn newton_step(&self, points: &[(f64, f64)]) -> Line {
        let (mut by_slope, mut by_intercept) = (0.0, 0.0);
        // A small ridge keeps the curvature positive.
        let (mut xx, mut x1, mut ones) = (1e-12, 0.0, 1e-12);
        for &(x, target) in points {
            let p = sigmoid(self.at(x));
            let (error, weight) = (p - target, p * (1.0 - p));
            by_slope += error * x;
            by_intercept += error;
            xx += weight * x * x;
            x1 += weight * x;
            ones += weight;
        }
        let determinant = xx * ones - x1 * x1;
        Line {
            slope: (x1 * by_intercept - ones * by_slope) / determinant,
            intercept: (x1 * by_slope - xx * by_intercept) / determinant,
        }
    }
}
