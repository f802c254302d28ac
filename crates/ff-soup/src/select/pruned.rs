//! Pruned soups: from the mean of all models, those that lower the score are left out.

use std::collections::VecDeque;

use super::selector::Selector;
use crate::accept::Accept;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::ingredient::{Ingredient, Ingredients};
use crate::scorer::{Candidate, Scorer};
use crate::soup::Soup;

/// Starts from all models, and leaves out each model without which the soup scores better
/// (Dansereau et al. 2023, arXiv 2301.10092, *Pruned soup*).
///
/// Models are tried in passes, the worst alone first; ties keep the order of the ingredients. A
/// model that is left out stays out. The selection ends when a pass over the remaining models
/// leaves none out, or when one model remains. (The paper's published code makes a given number of
/// passes, one by default, in random order unless set to sort. It never leaves out the best
/// model, and keeps another only if the score falls without it: [`Accept::AtLeast`].)
///
/// The result is the mean of the remaining models, in the order of the ingredients. There is a
/// [`Decision`] for each try: `before` is the score of the soup with the model, `tried` that of
/// the soup without it, and `taken` is true if the model stays.
///
/// It is deterministic. A candidate costs one pass over the files of the remaining models, and an
/// evaluation, which the scorer may end early; with K models there are at most K² candidates.
/// Memory: that of one model.
///
/// ```
/// use ff_soup::{Pruned, Selector};
/// # use ff_soup::{Ingredient, Ingredients, OwnedTensor, ScoreError, StateDict};
///
/// # let model = |id: &str, value: f32| {
/// #     let tensors = [("fc.bias".to_owned(), OwnedTensor::f32([1], &[value]))];
/// #     let weights = StateDict::from_tensors(tensors.into());
/// #     Ingredient { id: id.to_owned(), weights, fields: Default::default() }
/// # };
/// # let models = Ingredients::new(vec![model("a", 1.0), model("b", 3.0), model("c", 9.0)])?;
/// # let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
/// #     let bias = weights.get("fc.bias").and_then(|tensor| tensor.to_f64()).ok_or("no fc.bias")?;
/// #     Ok(-(bias[0] - 2.0).abs())
/// # };
/// // `a` is 1, `b` is 3 and `c` is 9; a score is minus the distance from 2.
/// let soup = Pruned::default().select(&models, &mut scorer)?;
/// assert_eq!(soup.average.to_string(), "mean(a, b)");
/// # Ok::<(), ff_soup::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The condition on the scores without and with a model under which it is left out.
    pub accept: Accept,
}

impl Selector for Pruned {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        let models = ingredients.iter().as_slice();
        let mut first = ingredients.alone();
        first.push(Average::mean(first.clone()));
        ingredients.announce(&first, scorer)?;
        let mut alone = Vec::new();
        for model in models {
            alone.push(ingredients.score(&Average::Ingredient(model.id.clone()), scorer)?);
        }
        let mut order: Vec<usize> = (0..models.len()).collect();
        order.sort_by(|&a, &b| alone[a].total_cmp(&alone[b])); // stable

        // A queue is the same as passes from the front, and shows earlier that every remaining
        // model was tried with the present soup.
        let mut queue = VecDeque::from(order);
        let mut soup = mean(models, &queue);
        let mut score = ingredients.score(&soup, scorer)?;
        let (mut decisions, mut stayed) = (Vec::new(), 0);
        while stayed < queue.len() && queue.len() > 1 {
            let Some(model) = queue.pop_front() else { break };
            // The others are summed again. Their sum and a running sum minus the model may differ
            // in the last bit, and a soup is verified by its bits.
            let without = mean(models, &queue);
            let weights = || ingredients.weights(&without);
            let candidate = Candidate::new(&without, &weights);
            let decision = candidate.replaces(scorer, (&soup, score), self.accept)?;
            let better = decision.tried.filter(|_| decision.taken);
            decisions.push(Decision {
                candidate: models[model].id.clone(),
                alone: Some(alone[model]),
                taken: better.is_none(),
                ..decision
            });
            if let Some(better) = better {
                (soup, score, stayed) = (without, better, 0);
            } else {
                queue.push_back(model);
                stayed += 1;
            }
        }
        Ok(Soup { average: soup, score, decisions, fit: None })
    }
}

/// Returns the mean of some models, in the order of the ingredients.
fn mean(models: &[Ingredient], kept: &VecDeque<usize>) -> Average {
    let mut kept: Vec<usize> = kept.iter().copied().collect();
    kept.sort_unstable();
    Average::mean(kept.into_iter().map(|model| Average::Ingredient(models[model].id.clone())).collect())
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, StateDict};
    use proptest::prelude::*;

    use super::*;
    use crate::error::ScoreError;
    use crate::scorer::Verdict;

    fn models(values: &[f64]) -> Ingredients {
        let model = |(at, value): (usize, &f64)| {
            let tensor = OwnedTensor::rounded(ff_checkpoint::Dtype::F64, &[1], &[*value]);
            let weights = StateDict::from_tensors([("w".to_owned(), tensor)].into());
            Ingredient { id: format!("m{at}"), weights, fields: Default::default() }
        };
        Ingredients::new(values.iter().enumerate().map(model).collect()).unwrap()
    }

    /// Scores weights by the distance from 0, in steps, so that scores are often equal. If told to,
    /// it ends the evaluation of a candidate that cannot be accepted.
    struct Distance {
        early: bool,
        candidates: Vec<String>,
    }

    impl Scorer for Distance {
        fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
            let weights = candidate.weights()?;
            let value = weights.get("w").and_then(|tensor| tensor.to_f64()).ok_or("no w")?[0];
            self.candidates.push(candidate.average().to_string());
            Ok(-value.abs().round())
        }

        fn beats(
            &mut self,
            candidate: &Candidate<'_>,
            best: f64,
            accept: Accept,
        ) -> Result<Verdict, ScoreError> {
            let score = self.score(candidate)?;
            let cannot = self.early && !accept.accepts(score, best);
            Ok(if cannot { Verdict::Rejected { bound: score } } else { Verdict::Score(score) })
        }
    }

    /// The rule in so many words: whole passes, and every mean from scratch.
    fn reference(values: &[f64], accept: Accept) -> Vec<usize> {
        let score = |kept: &[usize]| {
            let sum: f64 = kept.iter().map(|&at| values[at]).sum();
            -(sum / kept.len() as f64).abs().round()
        };
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| score(&[a]).total_cmp(&score(&[b])));
        let mut kept: Vec<usize> = (0..values.len()).collect();
        loop {
            let before = kept.len();
            for model in &order {
                let without: Vec<usize> = kept.iter().copied().filter(|other| other != model).collect();
                let possible = without.len() < kept.len() && !without.is_empty();
                if possible && accept.accepts(score(&without), score(&kept)) {
                    kept = without;
                }
            }
            if kept.len() == before {
                return kept;
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_rule_in_passes(
            values in prop::collection::vec(-20i32..20, 1..9), early: bool, greater: bool,
        ) {
            // Sums of few integers are exact in any order.
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let accept = if greater { Accept::Greater } else { Accept::AtLeast };
            let ingredients = models(&values);
            let mut scorer = Distance { early, candidates: vec![] };
            let soup = Pruned { accept }.select(&ingredients, &mut scorer).unwrap();
            let expected: Vec<String> =
                reference(&values, accept).iter().map(|at| format!("m{at}")).collect();
            let kept: Vec<&str> = soup.average.shares().into_iter().map(|(id, _)| id).collect();
            prop_assert_eq!(kept, expected);

            let out = soup.decisions.iter().filter(|decision| !decision.taken).count();
            prop_assert_eq!(out, values.len() - soup.average.shares().len());
            prop_assert!(soup.decisions.iter().all(|it| it.tried.is_some() != it.at_most.is_some()));
            prop_assert_eq!(soup.score, ingredients.score(&soup.average, &mut scorer).unwrap());
        }
    }

    #[test]
    fn tries_begin_with_the_worst_and_end_after_a_round_without_a_change() {
        let mut scorer = Distance { early: false, candidates: vec![] };
        let soup = Pruned::default().select(&models(&[3.0, -9.0, 30.0, 4.0]), &mut scorer).unwrap();
        // 7 for all. Without m2 it is 1 (−2/3); no other leaves a smaller one.
        assert_eq!((soup.average.to_string().as_str(), soup.score), ("mean(m0, m1, m3)", -1.0));
        let tried = soup.decisions.iter().map(|it| (it.candidate.as_str(), it.before, it.tried, it.taken));
        let expected = [
            ("m2", Some(-7.0), Some(-1.0), false),
            ("m1", Some(-1.0), Some(-4.0), true),
            ("m3", Some(-1.0), Some(-3.0), true),
            ("m0", Some(-1.0), Some(-3.0), true),
        ];
        assert_eq!(tried.collect::<Vec<_>>(), expected);
        assert_eq!(scorer.candidates.len(), 4 + 1 + 4, "no candidate is scored twice");
    }

    #[test]
    fn one_model_stays() {
        let mut scorer = Distance { early: true, candidates: vec![] };
        let soup = Pruned { accept: Accept::AtLeast }.select(&models(&[5.0]), &mut scorer).unwrap();
        assert_eq!((soup.average, soup.score), (Average::Ingredient("m0".into()), -5.0));
        // Equal models: all but the last in the queue are left out.
        let soup = Pruned { accept: Accept::AtLeast }.select(&models(&[5.0, 5.0, 5.0]), &mut scorer);
        assert_eq!(soup.unwrap().average, Average::Ingredient("m2".into()));
    }
}
