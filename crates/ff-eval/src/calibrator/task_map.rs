//! The map from the logit of one task to a calibrated probability.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::method::CalibrationMethod;
use super::{isotonic, platt};
use crate::auroc::gap;
use crate::probability::sigmoid;

/// The map from the logit of a task to a probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TaskMap {
    /// The sigmoid of the logit: the task is not calibrated.
    Sigmoid {
        /// The reason, such as "no positive sample".
        why: String,
    },
    /// sigmoid(`slope`·z + `intercept`) of the logit z.
    Platt {
        /// The slope, above 0.
        #[serde(deserialize_with = "positive")]
        slope: f64,
        /// The intercept.
        intercept: f64,
    },
    /// A rising function, linear between knots and constant outside.
    Isotonic {
        /// Logits, ascending, with their probabilities, which do not fall; at least one.
        #[serde(deserialize_with = "rising")]
        knots: Vec<(f64, f64)>,
    },
}

impl TaskMap {
    /// Fits the map to the logits of samples with known labels.
    pub(super) fn fit(method: CalibrationMethod, samples: &[(f32, bool)]) -> TaskMap {
        let positives = samples.iter().filter(|of| of.1).count();
        let negatives = samples.len() - positives;
        if positives == 0 || negatives == 0 {
            return TaskMap::Sigmoid { why: gap(positives as u64, negatives as u64).to_owned() };
        }
        if method == CalibrationMethod::Isotonic {
            return TaskMap::Isotonic { knots: isotonic::fit(samples) };
        }
        match platt::fit(samples) {
            Ok((slope, intercept)) => TaskMap::Platt { slope, intercept },
            Err(why) => TaskMap::Sigmoid { why },
        }
    }

    /// Computes the probability of a positive label, 0 to 1.
    ///
    /// # Panics
    /// If the map has no knots.
    pub fn probability(&self, logit: f32) -> f64 {
        match self {
            TaskMap::Isotonic { knots } => isotonic::interpolate(knots, logit),
            TaskMap::Sigmoid { .. } | TaskMap::Platt { .. } => sigmoid(self.logit(logit)),
        }
    }

    /// The logit of that probability, which is clipped to 10⁻⁶ and 1 − 10⁻⁶ if it is isotonic.
    pub(super) fn logit(&self, logit: f32) -> f64 {
        match self {
            TaskMap::Sigmoid { .. } => logit.into(),
            TaskMap::Platt { slope, intercept } => slope * f64::from(logit) + intercept,
            TaskMap::Isotonic { knots } => {
                let p = isotonic::interpolate(knots, logit).clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            }
        }
    }
}

/// Reads a positive number.
pub(super) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let found = f64::deserialize(from)?;
    if found > 0.0 && found.is_finite() {
        Ok(found)
    } else {
        Err(D::Error::custom(format!("expected a number above 0, found {found}")))
    }
}

/// Reads knots with ascending logits and probabilities that do not fall.
fn rising<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(f64, f64)>, D::Error> {
    let knots = Vec::<(f64, f64)>::deserialize(from)?;
    let in_range = knots.iter().all(|&(x, y)| x.is_finite() && (0.0..=1.0).contains(&y));
    if in_range && !knots.is_empty() && knots.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
        Ok(knots)
    } else {
        let expected = "ascending logits with probabilities from 0 to 1 that do not fall";
        Err(D::Error::custom(format!("expected {expected}, found {knots:?}")))
    }
}
