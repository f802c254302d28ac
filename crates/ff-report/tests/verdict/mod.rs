//! Verdicts for tests.

use ff_eval::{Difference, Interval, Verdict};
use ff_report::ColumnVerdict;

/// A verdict on 193 images of a soup and a single model, with their difference and its interval.
pub fn verdict([soup, single]: [&str; 2], value: f64, [low, high]: [f64; 2]) -> ColumnVerdict {
    let interval = Some(Interval { low, high, level: 0.95, resamples: 1000, dropped: 0 });
    let of = Verdict {
        best: 1,
        baseline_value: 0.6,
        best_value: 0.6 + value,
        difference: Difference { value, interval, standard_error: Some(0.01) },
        compared: 5,
        samples: 193,
        groups: None,
        needed: Some(5083),
    };
    ColumnVerdict { soup: soup.to_owned(), single: single.to_owned(), same: false, of }
}
