//! Scores for tests.

use ff_eval::{Chance, Interval, Metric, Score, Value};

/// A score of 1,486 samples, with an interval around its value if it is defined.
pub fn score(metric: Metric, value: Value) -> Score {
    let around = |value: f64| Interval {
        low: value - 0.05,
        high: value + 0.04,
        level: 0.95,
        resamples: 1000,
        dropped: 0,
    };
    let interval = value.value().map(around);
    Score {
        metric,
        value,
        interval,
        chance: Chance::default(),
        samples: 1486,
        groups: None,
        notes: vec![],
        outputs: vec![],
        counts: vec![],
    }
}
