//! What a method may gain in.

use std::fmt;
use std::str::FromStr;

use ff_eval::{Metric, Predictions, Replicates};
use serde::{Serialize, Serializer};

/// A metric, or the calibration error.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    Metric(Metric),
    /// Minus the expected calibration error.
    Calibration,
}

impl Quantity {
    /// Evaluates predictions on resamples; `None` if it is undefined on all samples.
    pub fn of(self, predictions: &Predictions, resamples: usize, seed: u64) -> Option<Replicates> {
        match self {
            Self::Metric(metric) => Replicates::of(metric, predictions, resamples, seed),
            Self::Calibration => Replicates::of_calibration(predictions, resamples, seed),
        }
    }

    /// Whether it is defined for the targets of these predictions.
    pub fn applies_to(self, predictions: &Predictions) -> bool {
        match self {
            Self::Metric(metric) => metric.applies_to(predictions.kind()),
            Self::Calibration => true,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(metric) => metric.fmt(f),
            Self::Calibration => f.write_str("calibration"),
        }
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "calibration" => Ok(Self::Calibration),
            _ => text.parse().map(Self::Metric).map_err(|error: String| {
                error.replacen("expected one of ", "expected one of calibration, ", 1)
            }),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
