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

/// Marks the highest value and the next one; equal values share a mark, absent ones have none.
pub(crate) fn ranks(values: &[Option<f64>]) -> Vec<Option<Rank>> {
    let present = || values.iter().flatten().copied();
    let best = present().reduce(f64::max);
    let second = present().filter(|&value| best.is_some_and(|best| value < best)).reduce(f64::max);
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
        assert_eq!(ranks(&values), [None, None, Some(Best), Some(Second), Some(Best), Some(Second)]);
        assert_eq!(ranks(&[Some(0.5), Some(0.5)]), [Some(Best), Some(Best)]);
        assert_eq!(ranks(&[None]), [None]);
    }
}
