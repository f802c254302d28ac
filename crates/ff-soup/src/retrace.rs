//! Reconstruction of the candidates of a greedy soup from its record.

use std::collections::BTreeMap;

use crate::average::Average;
use crate::decision::Decision;
use crate::soup::Soup;

/// A candidate of a greedy soup, with the soup before it was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct GreedyStep<'a> {
    /// The decision about the candidate.
    pub decision: &'a Decision,
    /// The soup before the candidate.
    pub before: Average,
    /// The number of parts in that soup, at least 1. The candidate's share is 1 / (`parts` + 1).
    pub parts: usize,
    /// The candidate: a model, or the soup of a group.
    pub candidate: Average,
}

impl Soup {
    /// The candidates that were evaluated together with a soup, in order.
    ///
    /// The first part of a greedy soup is not among them, nor are the parts of a uniform one.
    pub fn greedy_steps(&self) -> Vec<GreedyStep<'_>> {
        let mut kept: BTreeMap<&str, Vec<Average>> = BTreeMap::new();
        let mut greedy_steps = Vec::new();
        for decision in &self.decisions {
            // Decisions of local soups precede those of the soup of them.
            let candidate = match kept.get(decision.candidate.as_str()) {
                Some(parts) => Average::mean(parts.clone()),
                None => Average::Ingredient(decision.candidate.clone()),
            };
            let parts = kept.entry(&decision.group).or_default();
            if decision.before.is_some() {
                let before = Average::mean(parts.clone());
                let candidate = candidate.clone();
                greedy_steps.push(GreedyStep { decision, before, parts: parts.len(), candidate });
            }
            if decision.taken {
                parts.push(candidate);
            }
        }
        greedy_steps
    }
}
