//! The best single model.

use crate::{Candidate, Decision, Error, Ingredients, Mix, Scorer, Selector, Soup};

/// Takes the one model that scores best, the first of several: what a grid search ends with.
pub struct Best;

impl Selector for Best {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        let mut best: Option<(usize, f64)> = None;
        let mut decisions = Vec::new();
        for (at, ingredient) in ingredients.iter().enumerate() {
            let mix = Mix::Ingredient(ingredient.id.clone());
            let failed = |source| Error::Score { candidate: ingredient.id.clone(), source };
            let weights = || ingredients.weights(&mix);
            let score = scorer.score(&Candidate::new(&mix, &weights)).map_err(failed)?;
            if score.is_nan() {
                return Err(failed("its score is not a number".into()));
            }
            if best.is_none_or(|(_, before)| score > before) {
                best = Some((at, score));
            }
            decisions.push(Decision {
                group: String::new(),
                candidate: ingredient.id.clone(),
                alone: Some(score),
                before: None,
                with: None,
                at_most: None,
                taken: false,
            });
        }
        let (at, score) = best.ok_or(Error::Empty)?;
        decisions[at].taken = true;
        Ok(Soup { mix: Mix::Ingredient(decisions[at].candidate.clone()), score, decisions })
    }
}
