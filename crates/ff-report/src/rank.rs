//! Ranks: the best and the second best value of a column.

use ff_eval::Score;
use serde::Serialize;

/// The mark of the best or the second best value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// No value is higher.
    Best,
    /// Only the best values are higher.
    Second,
}

/// The value of a score to rank; `None` if its model tells no samples apart.
pub(crate) fn rankable(score: Option<&Score>) -> Option<f64> {
    score.filter(|score| !score.chance.collapsed)?.value.value()
}

/// Marks the highest value and the next one; equal values share a mark, missing ones have none.
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
