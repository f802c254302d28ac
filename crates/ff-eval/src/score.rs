//! A metric's value, and the value with its interval.

use serde::{Deserialize, Serialize};

use crate::{Interval, Metric, Predictions, bootstrap};

/// A number, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Finite.
    Defined(f64),
    /// Why, for people to read.
    Undefined(String),
}

impl Value {
    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Value::Defined(value) => Some(*value),
            Value::Undefined(_) => None,
        }
    }

    /// `None` of nothing.
    pub(crate) fn mean(values: &[f64]) -> Option<Value> {
        (!values.is_empty()).then(|| Value::Defined(values.iter().sum::<f64>() / values.len() as f64))
    }
}

/// What one metric says of one set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric.
    pub metric: Metric,
    /// Its value.
    pub value: Value,
    /// 95 % percentile bootstrap interval of the value, if one was asked for and can be had.
    pub interval: Option<Interval>,
    /// Number of samples scored.
    pub samples: usize,
    /// What the value leaves out or had to assume, for people to read; see [`Metric::notes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Score {
    /// Scores the predictions, with an interval from `resamples` resamples drawn from `seed` (none if 0).
    pub fn new(metric: Metric, predictions: &Predictions, resamples: usize, seed: u64) -> Score {
        Score {
            metric,
            value: metric.evaluate(predictions),
            interval: bootstrap(metric, predictions, resamples, seed),
            samples: predictions.len(),
            notes: metric.notes(predictions),
        }
    }
}
