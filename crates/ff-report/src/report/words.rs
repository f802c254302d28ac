//! What greedy selection did, in words.

use itertools::Itertools;

use crate::report::data::{Choice, Step};

/// What happened, in a sentence or two.
pub(super) fn sentence(choice: &Choice) -> String {
    let groups: Vec<_> = choice.steps.iter().map(|step| step.group.as_str()).unique().collect();
    let taken = match choice.ingredients.as_slice() {
        [(only, _)] => format!("It is one model, {only}: nothing was averaged."),
        many => format!("It is the mean of {} of {} models.", many.len(), choice.candidates),
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

/// What happened in one group.
pub(super) fn of_group(choice: &Choice, group: &str) -> Option<String> {
    let steps: Vec<&Step> = choice.steps.iter().filter(|step| step.group == group).collect();
    let (first, rest) = steps.split_first()?;
    if steps.iter().all(|step| step.taken && step.with.is_none() && step.at_most.is_none()) {
        return Some(format!("It takes all {}, whatever they score.", steps.len()));
    }
    let best = first.alone?;
    if rest.is_empty() {
        return Some(format!("{} was the only candidate.", first.candidate));
    }
    let refused: Vec<&Step> = rest.iter().copied().filter(|step| !step.taken).collect();
    if refused.is_empty() {
        return Some(format!("All {} were taken, each of them raising the score.", steps.len()));
    }
    let parts = [alone(&refused, best, &first.candidate), cost(&refused)].into_iter().flatten().join("; ");
    let parts = if parts.is_empty() { parts } else { format!(": {parts}") };
    Some(format!("{} of {} rejected{parts}.{}", refused.len(), rest.len(), behind_barriers(&refused)))
}

/// How good what was refused is alone.
fn alone(refused: &[&Step], best: f64, name: &str) -> Option<String> {
    let (low, high) = range(refused.iter().filter_map(|step| Some(best - step.alone?)))?;
    Some(match high {
        high if high < 0.0005 => "each alone as good as the best within 0.05 points".to_owned(),
        high if high < 0.01 => format!("each alone within {} points of the best ({name})", points(high)),
        high => format!("alone they are {} behind the best ({name})", between(low, high)),
    })
}

/// What the soup would have lost by what was refused.
fn cost(refused: &[&Step]) -> Option<String> {
    // A bound is an upper end, so that the cost is at least this.
    let lost = |step: &&Step| Some(step.before? - step.with.or(step.at_most)?);
    let (low, high) = range(refused.iter().filter_map(lost))?;
    if high <= 0.0 {
        return Some("the mean with any of them scores exactly what it did without".to_owned());
    }
    let least = if refused.iter().any(|step| step.at_most.is_some()) { "at least " } else { "" };
    let cost = between(low.max(0.0), high);
    Some(format!("taken into the mean, they would have cost {least}{cost}"))
}

/// What of it is good alone, and worse than either in the mean: what a barrier between two models
/// looks like.
fn behind_barriers(refused: &[&Step]) -> String {
    let apart = |step: &&&Step| {
        let (alone, before, with) = (step.alone?, step.before?, step.with.or(step.at_most)?);
        (before - alone < 0.02 && with < alone.min(before) - 0.02).then_some(())
    };
    match refused.iter().filter(|step| apart(step).is_some()).count() {
        0 => String::new(),
        1 => " One is nearly as good alone, yet its mean with the soup is worse than either by more than 2 points: that is \
              what a barrier between the two looks like."
            .to_owned(),
        count => format!(
            " {count} of them are nearly as good alone, yet their mean with the soup is worse than either by more than 2 \
             points: that is what barriers look like."
        ),
    }
}

/// The least and the greatest of some gaps; `None` if there is none.
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

    fn look(candidate: &str, alone: f64, before: Option<f64>, with: f64, taken: bool) -> Step {
        let (alone, with) = (Some(alone), Some(with));
        Step { candidate: candidate.into(), alone, before, with, taken, ..Step::default() }
    }

    fn of(steps: Vec<Step>, taken: usize) -> String {
        let ingredients = (0..taken).map(|at| (format!("m{at}"), 1.0 / taken as f64)).collect();
        sentence(&Choice { method: "Greedy".into(), candidates: 3, ingredients, steps, left_out: vec![] })
    }

    #[test]
    fn says_what_happened() {
        let first = look("m0", 0.9, None, 0.9, true);
        let near = look("m1", 0.898, Some(0.9), 0.899, false);
        assert_eq!(
            of(vec![first.clone(), near.clone(), look("m2", 0.897, Some(0.9), 0.9, false)], 1),
            "It is one model, m0: nothing was averaged. 2 of 2 rejected: each alone within 0.3 points of the best (m0); \
             taken into the mean, they would have cost 0.0 to 0.1 points."
        );
        let apart = look("m1", 0.89, Some(0.9), 0.5, false);
        assert!(
            of(vec![first.clone(), apart], 1).ends_with("that is what a barrier between the two looks like.")
        );
        assert_eq!(
            of(vec![first.clone(), look("m1", 0.89, Some(0.9), 0.95, true)], 2),
            "It is the mean of 2 of 3 models. All 2 were taken, each of them raising the score."
        );
        let bound = Step { with: None, at_most: Some(0.7), ..near };
        assert!(of(vec![first, bound], 1).contains("at least 20.0 points"));
    }

    #[test]
    fn a_uniform_soup_chooses_nothing() {
        let step = Step { candidate: "m".into(), taken: true, ..Step::default() };
        assert_eq!(
            of(vec![step; 3], 3),
            "It is the mean of 3 of 3 models. It takes all 3, whatever they score."
        );
    }
}
