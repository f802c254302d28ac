//! Descriptions of greedy selection in words.

use itertools::Itertools;

use crate::report::data::{Choice, Step};

/// Describes the selection of a soup in a sentence or two.
pub(super) fn sentence(choice: &Choice) -> String {
    let groups: Vec<_> = choice.steps.iter().map(|step| step.group.as_str()).unique().collect();
    let taken = match choice.ingredients.as_slice() {
        [(only, _)] => format!("The soup is one model, {only}."),
        many => format!("The soup is the mean of {} of {} models.", many.len(), choice.candidates),
    };
    let top = match groups.as_slice() {
        [only] => of_group(choice, only),
        _ => None,
    };
    let left_out = match choice.left_out.len() {
        0 => String::new(),
        count => format!(" {count} diverged and were left out."),
    };
    format!("{taken}{}{left_out}", top.map(|said| format!(" {said}")).unwrap_or_default())
}

/// Describes the selection in one group.
pub(super) fn of_group(choice: &Choice, group: &str) -> Option<String> {
    let steps: Vec<&Step> = choice.steps.iter().filter(|step| step.group == group).collect();
    let (first, rest) = steps.split_first()?;
    if steps.iter().all(|step| step.taken && step.with.is_none() && step.at_most.is_none()) {
        return Some(format!("All {} are taken, regardless of their scores.", steps.len()));
    }
    let best = first.alone?;
    if rest.is_empty() {
        return Some(format!("{} was the only candidate.", first.candidate));
    }
    let refused: Vec<&Step> = rest.iter().copied().filter(|step| !step.taken).collect();
    if refused.is_empty() {
        return Some(format!("All {} were taken; none lowered the score.", steps.len()));
    }
    let parts = [alone(&refused, best, &first.candidate), cost(&refused)].into_iter().flatten().join("; ");
    let parts = if parts.is_empty() { parts } else { format!(": {parts}") };
    Some(format!("{} of {} rejected{parts}.{}", refused.len(), rest.len(), behind_barriers(&refused)))
}

/// Describes the scores of the rejected candidates alone.
fn alone(refused: &[&Step], best: f64, name: &str) -> Option<String> {
    let (low, high) = range(refused.iter().filter_map(|step| Some(best - step.alone?)))?;
    Some(match high {
        high if high < 0.0005 => format!("alone, each scores within 0.05 points of the best ({name})"),
        high if high < 0.01 => {
            format!("alone, each scores within {} points of the best ({name})", points(high))
        }
        high => format!("alone, they score {} below the best ({name})", between(low, high)),
    })
}

/// Describes how much the rejected candidates would have lowered the soup's score.
fn cost(refused: &[&Step]) -> Option<String> {
    // A bound is at least the score, so the loss is at least this.
    let lost = |step: &&Step| Some(step.before? - step.with.or(step.at_most)?);
    let (low, high) = range(refused.iter().filter_map(lost))?;
    if high <= 0.0 {
        return Some("the mean with any of them has the same score as without".to_owned());
    }
    let least = if refused.iter().any(|step| step.at_most.is_some()) { "at least " } else { "" };
    let cost = between(low.max(0.0), high);
    Some(format!("each would have lowered the score of the mean by {least}{cost}"))
}

/// Counts rejected candidates that score well alone, but whose mean with the soup is worse than
/// either, as with an error barrier between them.
fn behind_barriers(refused: &[&Step]) -> String {
    let apart = |step: &&&Step| {
        let (alone, before, with) = (step.alone?, step.before?, step.with.or(step.at_most)?);
        (before - alone < 0.02 && with < alone.min(before) - 0.02).then_some(())
    };
    match refused.iter().filter(|step| apart(step).is_some()).count() {
        0 => String::new(),
        1 => " One scores nearly as well alone, but its mean with the soup is worse than either by more than 2 points, which \
              indicates an error barrier between them."
            .to_owned(),
        count => format!(
            " {count} of them score nearly as well alone, but their means with the soup are worse than either by more than 2 \
             points, which indicates error barriers."
        ),
    }
}

/// The least and the greatest gap; `None` without gaps.
fn range(gaps: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    gaps.map(|gap| (gap, gap)).reduce(|(low, high), (gap, _)| (low.min(gap), high.max(gap)))
}

fn points(gap: f64) -> String {
    format!("{:.1}", gap * 100.0)
}

fn between(low: f64, high: f64) -> String {
    match (points(low), points(high)) {
        (low, high) if low == high => format!("{low} points"),
        (low, high) => format!("{low} to {high} points"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(candidate: &str, alone: f64, before: Option<f64>, with: f64, taken: bool) -> Step {
        let (alone, with) = (Some(alone), Some(with));
        Step { candidate: candidate.into(), alone, before, with, taken, ..Step::default() }
    }

    fn of(steps: Vec<Step>, taken: usize) -> String {
        let ingredients = (0..taken).map(|at| (format!("m{at}"), 1.0 / taken as f64)).collect();
        sentence(&Choice { method: "Greedy".into(), candidates: 3, ingredients, steps, left_out: vec![] })
    }

    #[test]
    fn greedy_selection_is_described() {
        let first = step("m0", 0.9, None, 0.9, true);
        let near = step("m1", 0.898, Some(0.9), 0.899, false);
        assert_eq!(
            of(vec![first.clone(), near.clone(), step("m2", 0.897, Some(0.9), 0.9, false)], 1),
            "The soup is one model, m0. 2 of 2 rejected: alone, each scores within 0.3 points of the best (m0); each would \
             have lowered the score of the mean by 0.0 to 0.1 points."
        );
        let apart = step("m1", 0.89, Some(0.9), 0.5, false);
        assert!(
            of(vec![first.clone(), apart], 1).ends_with("which indicates an error barrier between them.")
        );
        assert_eq!(
            of(vec![first.clone(), step("m1", 0.89, Some(0.9), 0.95, true)], 2),
            "The soup is the mean of 2 of 3 models. All 2 were taken; none lowered the score."
        );
        let bound = Step { with: None, at_most: Some(0.7), ..near };
        assert!(of(vec![first, bound], 1).contains("at least 20.0 points"));
    }

    #[test]
    fn uniform_soups_take_all() {
        let step = Step { candidate: "m".into(), taken: true, ..Step::default() };
        assert_eq!(
            of(vec![step; 3], 3),
            "The soup is the mean of 3 of 3 models. All 3 are taken, regardless of their scores."
        );
    }
}
