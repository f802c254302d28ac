//! Best and second.

use serde::Serialize;

/// A mark in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// No value is better.
    Best,
    /// Only the best are better.
    Second,
}

/// Marks the best value and the next one; equal values share a mark, absent ones have none.
pub(crate) fn ranks(values: &[Option<f64>], higher_is_better: bool) -> Vec<Option<Rank>> {
    let better = |a: f64, b: f64| if higher_is_better { a > b } else { a < b };
    let top = |below: Option<f64>| {
        let open =
            values.iter().flatten().copied().filter(|&value| below.is_none_or(|best| better(best, value)));
        open.reduce(|a, b| if better(b, a) { b } else { a })
    };
    let best = top(None);
    let second = best.and_then(|best| top(Some(best)));
    let mark = |value: &Option<f64>| match value {
        Some(_) if *value == best => Some(Rank::Best),
        Some(_) if *value == second => Some(Rank::Second),
        _ => None,
    };
    values.iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rank::{Best, Second};

    #[test]
    fn ties_share_a_mark() {
        let values = [Some(0.5), None, Some(0.9), Some(0.7), Some(0.9), Some(0.7)];
        assert_eq!(ranks(&values, true), [None, None, Some(Best), Some(Second), Some(Best), Some(Second)]);
        assert_eq!(ranks(&values, false), [Some(Best), None, None, Some(Second), None, Some(Second)]);
        assert_eq!(ranks(&[Some(0.5), Some(0.5)], true), [Some(Best), Some(Best)]);
        assert_eq!(ranks(&[None], true), [None]);
    }
}
