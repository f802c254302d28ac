//! Selection of a single model by rank.

use super::selector::Selector;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::ingredient::Ingredients;
use crate::scorer::Scorer;
use crate::soup::Soup;

/// Selects the model of this rank by score: 1 is the best, the result of a grid search.
///
/// Ties keep the order of the ingredients. If there are fewer models, the worst is selected.
pub struct NthBest(pub usize);

impl Selector for NthBest {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        let mut order: Vec<(usize, f64)> = Vec::new();
        let mut decisions = Vec::new();
        ingredients.announce(&ingredients.alone(), scorer)?;
        for (at, ingredient) in ingredients.iter().enumerate() {
            let average = Average::Ingredient(ingredient.id.clone());
            let score = ingredients.score(&average, scorer)?;
            order.push((at, score));
            decisions.push(Decision {
                candidate: ingredient.id.clone(),
                alone: Some(score),
                ..Decision::default()
            });
        }
        order.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
        let place = self.0.clamp(1, order.len().max(1)) - 1;
        let &(at, score) = order.get(place).ok_or(Error::Empty)?;
        decisions[at].taken = true;
        let average = Average::Ingredient(decisions[at].candidate.clone());
        Ok(Soup { average, score, decisions, fit: None })
    }
}
