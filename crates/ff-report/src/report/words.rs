//! Descriptions in words of how soups were made.

use ff_eval::Metric;
use itertools::Itertools;

use crate::format::{self, points};
use crate::report::data::{Choice, Coefficients, Rule, Step};

/// The gap of scores above which two models count as far apart, in the metric's unit.
const APART: f64 = 0.02;

/// Describes how a soup was made in a few sentences; `metric` is that of its column.
pub(super) fn sentence(choice: &Choice, metric: Metric) -> String {
    let said = match &choice.rule {
        Rule::Added => added(choice, metric),
        Rule::Pruned => pruned(choice),
        Rule::Merged => merged(choice, metric),
        Rule::Learned(coefficients) => learned(coefficients),
    };
    let left_out = match choice.left_out.len() {
        0 => None,
        count => Some(format!("{count} diverged and were left out.")),
    };
    let other = choice
        .selected_by
        .filter(|by| *by != metric)
        .map(|by| format!("Candidates were compared by {}, not by {}.", by.title(), metric.title()));
    [Some(said), left_out, other, fitted(choice, metric)].into_iter().flatten().join(" ")
}

/// Compares the validation value with the cross-fitted one.
fn fitted(choice: &Choice, metric: Metric) -> Option<String> {
    let (validation, fitted) = (choice.validation?, choice.cross_fitted?);
    let optimism = match points(validation - fitted, metric) {
        none if validation <= fitted || none == points(0.0, metric) => "no optimism seen".to_owned(),
        some => format!("an optimism of {some}"),
    };
    let agreeing = choice.agreeing.map_or(String::new(), |agreeing| {
        format!("; {agreeing} of {} folds made the same choice", choice.folds)
    });
    let (validation, fitted) = (format::value(validation), format::value(fitted));
    Some(format!(
        "Validation {validation}, cross-fitted {fitted} in {} folds: {optimism}{agreeing}.",
        choice.folds
    ))
}

fn pruned(choice: &Choice) -> String {
    let (kept, tries) = (choice.ingredients.len(), choice.steps.len());
    let out = choice.candidates - kept;
    let mean = match kept {
        1 => format!("One of {} models is left.", choice.candidates),
        _ => format!("The soup is the mean of {kept} of {} models.", choice.candidates),
    };
    let gained = within_error(choice.steps.iter().filter(|step| step.taken && gained(step)).count());
    let gained = gained.map_or(String::new(), |gained| format!(" Of the other tries, {gained}."));
    format!(
        "{mean} From the mean of all, {out} were left out in {tries} tries, since the score was better \
         without them.{gained}"
    )
}

fn merged(choice: &Choice, metric: Metric) -> String {
    let all = format!("All {} models are merged", choice.candidates);
    let scores = choice.steps.iter().filter_map(|step| step.alone);
    let taken = choice.steps.iter().find(|step| step.taken).and_then(|step| Some((step, step.alone?)));
    match (choice.steps.as_slice(), taken) {
        ([only], _) => format!("{all} ({}); nothing was chosen on validation images.", only.candidate),
        (steps, Some((best, score))) => {
            let others = range(scores.map(|other| score - other));
            let behind = others.map_or(String::new(), |(_, high)| {
                format!("; the worst is {} below", points(high, compared_by(choice, metric)))
            });
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

/// The metric of the steps' scores.
fn compared_by(choice: &Choice, metric: Metric) -> Metric {
    choice.selected_by.unwrap_or(metric)
}

fn added(choice: &Choice, metric: Metric) -> String {
    let groups: Vec<_> = choice.steps.iter().map(|step| step.group.as_str()).unique().collect();
    let taken = match choice.ingredients.as_slice() {
        [(only, _)] => format!("The soup is one model, {only}."),
        many => format!("The soup is the mean of {} of {} models.", many.len(), choice.candidates),
    };
    let top = match groups.as_slice() {
        [only] => of_group(choice, only, metric),
        _ => None,
    };
    format!("{taken}{}", top.map(|said| format!(" {said}")).unwrap_or_default())
}

/// Describes the selection in one group; `metric` is that of the soup's column.
pub(super) fn of_group(choice: &Choice, group: &str, metric: Metric) -> Option<String> {
    let metric = compared_by(choice, metric);
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
    let (gaining, others): (Vec<&Step>, Vec<&Step>) = refused.iter().copied().partition(|step| gained(step));
    let which = match gaining.len() {
        0 => ["each", "any of them"],
        _ => ["each of the others", "any of the others"],
    };
    let alone = alone(&refused, (best, &first.candidate), metric);
    let parts = [alone, within_error(gaining.len()), cost(&others, which, metric)];
    let parts = parts.into_iter().flatten().join("; ");
    let parts = if parts.is_empty() { parts } else { format!(": {parts}") };
    Some(format!("{} of {} rejected{parts}.{}", refused.len(), rest.len(), behind_barriers(&refused, metric)))
}

/// Returns true if the soup that was tried is better, but has to be by more than its standard error.
fn gained(step: &Step) -> bool {
    step.standard_error.is_some() && step.tried.zip(step.before).is_some_and(|(tried, before)| tried > before)
}

/// Counts refused soups that are better.
fn within_error(count: usize) -> Option<String> {
    (count > 0).then(|| format!("{count} gained, but less than one standard error"))
}

/// Describes the scores of the rejected candidates alone.
fn alone(refused: &[&Step], (best, name): (f64, &str), metric: Metric) -> Option<String> {
    let (low, high) = range(refused.iter().filter_map(|step| Some(best - step.alone?)))?;
    Some(match high {
        high if high < 0.01 => {
            let within = points(high.max(0.001), metric);
            format!("alone, each scores within {within} of the best ({name})")
        }
        high => format!("alone, they score {} below the best ({name})", between(low, high, metric)),
    })
}

/// Describes how much the rejected candidates would have lowered the soup's score.
fn cost(refused: &[&Step], [each, any]: [&str; 2], metric: Metric) -> Option<String> {
    // A bound is at least the score, so the loss is at least this.
    let lost = |step: &&Step| Some(step.before? - step.tried.or(step.at_most)?);
    let (low, high) = range(refused.iter().filter_map(lost))?;
    if high <= 0.0 {
        return Some(format!("the mean with {any} has the same score as without"));
    }
    let least = if refused.iter().any(|step| step.at_most.is_some()) { "at least " } else { "" };
    let cost = between(low.max(0.0), high, metric);
    Some(format!("{each} would have lowered the score of the mean by {least}{cost}"))
}

/// Counts rejected candidates that score well alone, but whose mean with the soup is worse than
/// either, as with an error barrier between them.
fn behind_barriers(refused: &[&Step], metric: Metric) -> String {
    let apart = |step: &&&Step| {
        let (alone, before, with) = (step.alone?, step.before?, step.tried.or(step.at_most)?);
        (before - alone < APART && with < alone.min(before) - APART).then_some(())
    };
    let gap = points(APART, metric);
    match refused.iter().filter(|step| apart(step).is_some()).count() {
        0 => String::new(),
        1 => format!(
            " One scores nearly as well alone, but its mean with the soup is worse than either by more than \
             {gap}, which indicates an error barrier between them."
        ),
        count => format!(
            " {count} of them score nearly as well alone, but their means with the soup are worse than \
             either by more than {gap}, which indicates error barriers."
        ),
    }
}

/// The least and the greatest gap; `None` without gaps.
fn range(gaps: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    gaps.map(|gap| (gap, gap)).reduce(|(low, high), (gap, _)| (low.min(gap), high.max(gap)))
}

fn between(low: f64, high: f64, metric: Metric) -> String {
    let (low, high) = (format::amount(low, metric), format::amount(high, metric));
    let range = if low == high { high } else { format!("{low} to {high}") };
    range + format::unit(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(candidate: &str, alone: f64, before: Option<f64>, tried: f64, taken: bool) -> Step {
        let (alone, tried) = (Some(alone), Some(tried));
        Step { candidate: candidate.into(), alone, before, tried, taken, ..Step::default() }
    }

    fn of_three(ingredients: Vec<(String, f64)>, steps: Vec<Step>) -> Choice {
        Choice { method: "Greedy".into(), candidates: 3, ingredients, steps, ..Choice::default() }
    }

    fn of(steps: Vec<Step>, taken: usize) -> String {
        let ingredients = (0..taken).map(|at| (format!("m{at}"), 1.0 / taken as f64)).collect();
        sentence(&of_three(ingredients, steps), Metric::Accuracy)
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
    fn gains_within_a_standard_error_are_counted() {
        let tried = |tried: f64, taken: bool| Step {
            standard_error: Some(0.01),
            ..step("m1", 0.8, Some(0.9), tried, taken)
        };
        let first = step("m0", 0.9, None, 0.9, true);
        let steps = vec![first.clone(), tried(0.905, false), tried(0.87, false), tried(0.904, false)];
        assert!(of(steps, 1).ends_with(
            "; 2 gained, but less than one standard error; each of the others would have lowered the score \
             of the mean by 3.0 points."
        ));
        assert!(
            of(vec![first, tried(0.905, false)], 1)
                .ends_with("(m0); 1 gained, but less than one standard error.")
        );
        let pruned =
            Choice { rule: Rule::Pruned, ..of_three(vec![], vec![tried(0.905, true), tried(0.92, false)]) };
        assert!(
            sentence(&pruned, Metric::Accuracy)
                .ends_with(" Of the other tries, 1 gained, but less than one standard error.")
        );
    }

    #[test]
    fn cross_fitting_is_described() {
        let steps = vec![step("m0", -0.5, None, -0.5, true), step("m1", -0.515, Some(-0.5), -0.62, false)];
        let choice = Choice {
            validation: Some(0.812),
            cross_fitted: Some(0.793),
            folds: 5,
            agreeing: Some(3),
            ..of_three(vec![("m0".into(), 1.0)], steps)
        };
        let said = "Validation 0.8120, cross-fitted 0.7930 in 5 folds: an optimism of 1.9 points; 3 of 5 \
                    folds made the same choice.";
        assert!(sentence(&choice, Metric::Accuracy).ends_with(&format!("between them. {said}")));
        for better in [0.81204, 0.9] {
            let lower = Choice { cross_fitted: Some(better), agreeing: None, ..choice.clone() };
            assert!(sentence(&lower, Metric::Accuracy).ends_with(" in 5 folds: no optimism seen."));
        }
        let almost = Choice { cross_fitted: Some(0.81196), ..choice.clone() };
        assert!(sentence(&almost, Metric::Accuracy).contains("no optimism seen; 3 of 5"));

        let by_loss = Choice { selected_by: Some(Metric::LogLoss), ..choice };
        assert_eq!(
            sentence(&by_loss, Metric::Accuracy),
            format!(
                "The soup is one model, m0. 1 of 1 rejected: alone, they score 0.015 below the best (m0); \
                 each would have lowered the score of the mean by 0.120. One scores nearly as well alone, \
                 but its mean with the soup is worse than either by more than 0.020, which indicates an \
                 error barrier between them. Candidates were compared by −log loss, not by accuracy. {said}"
            )
        );
        assert!(!sentence(&by_loss, Metric::LogLoss).contains("compared by"));
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
            sentence(&Choice { rule, ..of_three(ingredients, steps) }, Metric::Accuracy)
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
