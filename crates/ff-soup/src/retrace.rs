//! From the record of a choice back to what was tried.

use std::collections::BTreeMap;

use crate::average::Average;
use crate::decision::Decision;
use crate::soup::Soup;

/// A candidate that a greedy soup tried, with the soup as it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct GreedyStep<'a> {
    /// What was decided.
    pub decision: &'a Decision,
    /// The soup before.
    pub before: Average,
    /// Parts in it, at least 1: a candidate that is taken has a share of 1 in this and one more.
    pub parts: usize,
    /// The candidate: a model, or the soup of a group.
    pub candidate: Average,
}

impl Soup {
    /// Every candidate that was tried against a soup, in order. The first of a greedy soup was not
    /// tried, and neither was any part of a uniform one.
    pub fn greedy_steps(&self) -> Vec<GreedyStep<'_>> {
        let mut kept: BTreeMap<&str, Vec<Average>> = BTreeMap::new();
        let mut greedy_steps = Vec::new();
        for decision in &self.decisions {
            // Local soups stand before the soup of them.
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
