//! Descriptions in words of how soups were made.

use itertools::Itertools;

use crate::format;
use crate::report::data::{Choice, Coefficients, Rule, Step};

/// Describes how a soup was made in a few sentences.
pub(super) fn sentence(choice: &Choice) -> String {
    let said = match &choice.rule {
        Rule::Added => added(choice),
        Rule::Pruned => pruned(choice),
        Rule::Merged => merged(choice),
        Rule::Learned(coefficients) => learned(coefficients),
    };
    let left_out = match choice.left_out.len() {
        0 => String::new(),
        count => format!(" {count} diverged and were left out."),
    };
    said + &left_out
}

fn pruned(choice: &Choice) -> String {
    let (kept, tries) = (choice.ingredients.len(), choice.steps.len());
    let out = choice.candidates - kept;
    let mean = match kept {
        1 => format!("One of {} models is left.", choice.candidates),
        _ => format!("The soup is the mean of {kept} of {} models.", choice.candidates),
    };
    format!(
        "{mean} From the mean of all, {out} were left out in {tries} tries, since the score was better without them."
    )
}

fn merged(choice: &Choice) -> String {
    let all = format!("All {} models are merged", choice.candidates);
    let scores = choice.steps.iter().filter_map(|step| step.alone);
    let taken = choice.steps.iter().find(|step| step.taken).and_then(|step| Some((step, step.alone?)));
    match (choice.steps.as_slice(), taken) {
        ([only], _) => format!("{all} ({}); nothing was chosen on validation images.", only.candidate),
        (steps, Some((best, score))) => {
            let others = range(scores.map(|other| score - other));
            let behind = others
                .map_or(String::new(), |(_, high)| format!("; the worst is {} points below", points(high)));
            format!(
                "{all}. Of {} settings, {} has the best score on validation, {}{behind}.",
                steps.len(),
                best.candidate,
                format::value(score)
            )
        }
        _ => format!("{all}."),
    }
}

/// Describes coefficients: what the fit gained, which models count, and whether layers differ.
fn learned(of: &Coefficients) -> String {
    let (models, layers) = (of.models.len(), of.layers.len());
    let mean = |model: usize| of.values.iter().map(|layer| layer[model]).sum::<f64>() / layers as f64;
    let means: Vec<f64> = (0..models).map(mean).collect();
    let equal = 1.0 / models as f64;
    let each = if layers == 1 {
        "a coefficient for each".to_owned()
    } else {
        format!("{layers} coefficients for each, one a layer")
    };
    let fit = match of.losses {
        Some([mean, soup]) => format!(
            "; the log loss on held-out validation images went from {mean:.4} (the mean of all) to {soup:.4} in {} epochs",
            of.epochs
        ),
        None => String::new(),
    };
    let said = format!("All {models} models are added, with {each}{fit}.");
    if of.values.iter().flatten().all(|value| (value - equal).abs() < 1e-12) {
        return said + " No coefficients were better than equal ones, so the soup is the mean.";
    }
    let (best, most) = means.iter().enumerate().fold((0, f64::NEG_INFINITY), |(best, most), (at, &value)| {
        if value > most { (at, value) } else { (best, most) }
    });
    let few = means.iter().filter(|&&value| value.abs() < equal / 4.0).count();
    let negative = of.values.iter().flatten().filter(|&&value| value < 0.0).count();
    let mut said = said + &format!(" {} counts most, {:.0} % on average", of.models[best], 100.0 * most);
    if few > 0 {
        said += &format!("; {few} of {models} count less than a quarter of an equal share");
    }
    if negative > 0 {
        said += &format!(
            "; {:.0} % of the coefficients are negative",
            100.0 * negative as f64 / (models * layers) as f64
        );
    }
    if let Some((model, low, high)) = widest(of).filter(|_| layers > 1) {
        said += &format!("; layers differ most in {model}, from {:.0} to {:.0} %", 100.0 * low, 100.0 * high);
    }
    said + "."
}

/// Returns the model whose coefficients differ most between layers, with the least and the greatest.
fn widest(of: &Coefficients) -> Option<(&str, f64, f64)> {
    let spans = of.models.iter().enumerate().filter_map(|(at, model)| {
        let (low, high) = range(of.values.iter().map(|layer| layer[at]))?;
        Some((model.as_str(), low, high))
    });
    spans.reduce(|a, b| if b.2 - b.1 > a.2 - a.1 { b } else { a })
}

fn added(choice: &Choice) -> String {
    let groups: Vec<_> = choice.steps.iter().map(|step| step.group.as_str()).unique().collect();
    let taken = match choice.ingredients.as_slice() {
        [(only, _)] => format!("The soup is one model, {only}."),
        many => format!("The soup is the mean of {} of {} models.", many.len(), choice.candidates),
    };
    let top = match groups.as_slice() {
        [only] => of_group(choice, only),
        _ => None,
    };
    format!("{taken}{}", top.map(|said| format!(" {said}")).unwrap_or_default())
}

/// Describes the selection in one group.
pub(super) fn of_group(choice: &Choice, group: &str) -> Option<String> {
    let steps: Vec<&Step> = choice.steps.iter().filter(|step| step.group == group).collect();
    let (first, rest) = steps.split_first()?;
    if steps.iter().all(|step| step.taken && step.tried.is_none() && step.at_most.is_none()) {
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
    let lost = |step: &&Step| Some(step.before? - step.tried.or(step.at_most)?);
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
        let (alone, before, with) = (step.alone?, step.before?, step.tried.or(step.at_most)?);
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

    fn step(candidate: &str, alone: f64, before: Option<f64>, tried: f64, taken: bool) -> Step {
        let (alone, tried) = (Some(alone), Some(tried));
        Step { candidate: candidate.into(), alone, before, tried, taken, ..Step::default() }
    }

    fn of_three(ingredients: Vec<(String, f64)>, steps: Vec<Step>) -> Choice {
        let (method, rule, left_out) = ("Greedy".into(), Rule::Added, vec![]);
        Choice { method, rule, candidates: 3, ingredients, steps, left_out }
    }

    fn of(steps: Vec<Step>, taken: usize) -> String {
        let ingredients = (0..taken).map(|at| (format!("m{at}"), 1.0 / taken as f64)).collect();
        sentence(&Choice { rule: Rule::Added, ..of_three(ingredients, steps) })
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
        let bound = Step { tried: None, at_most: Some(0.7), ..near };
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

    #[test]
    fn merges_are_described() {
        let setting = |name: &str, alone: f64, taken: bool| Step {
            candidate: name.into(),
            alone: Some(alone),
            taken,
            ..Step::default()
        };
        let of = |rule: Rule, steps: Vec<Step>, kept: usize| {
            let ingredients = (0..kept).map(|at| (format!("m{at}"), 1.0 / kept as f64)).collect();
            sentence(&Choice { rule, ..of_three(ingredients, steps) })
        };
        assert_eq!(
            of(Rule::Merged, vec![setting("stock", 0.5, true)], 3),
            "All 3 models are merged (stock); nothing was chosen on validation images."
        );
        let lambdas = vec![setting("ties lambda=1", 0.8, false), setting("ties lambda=2", 0.9, true)];
        assert_eq!(
            of(Rule::Merged, lambdas, 3),
            "All 3 models are merged. Of 2 settings, ties lambda=2 has the best score on validation, 0.9000; the worst is 10.0 \
             points below."
        );
        assert_eq!(
            of(Rule::Pruned, vec![Step::default(); 4], 2),
            "The soup is the mean of 2 of 3 models. From the mean of all, 1 were left out in 4 tries, since the score was \
             better without them."
        );
    }

    #[test]
    fn coefficients_are_described() {
        let mut coefficients = Coefficients {
            models: ["a", "b", "c"].map(String::from).into(),
            layers: ["conv", "fc"].map(String::from).into(),
            values: vec![vec![0.5, 0.5, 0.0], vec![0.9, 0.2, -0.1]],
            losses: Some([0.7, 0.65]),
            epochs: 8,
        };
        assert_eq!(
            learned(&coefficients),
            "All 3 models are added, with 2 coefficients for each, one a layer; the log loss on held-out validation images \
             went from 0.7000 (the mean of all) to 0.6500 in 8 epochs. a counts most, 70 % on average; 1 of 3 count less than \
             a quarter of an equal share; 17 % of the coefficients are negative; layers differ most in a, from 50 to 90 %."
        );
        coefficients.values = vec![vec![1.0 / 3.0; 3]; 2];
        assert!(learned(&coefficients).ends_with("so the soup is the mean."));
    }
}
