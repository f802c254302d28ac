//! Which weights to take.

use crate::error::Error;
use crate::ingredient::Ingredients;
use crate::scorer::Scorer;
use crate::soup::Soup;

/// Decides which ingredients to average.
pub trait Selector {
    /// Makes the choice. Selection sees validation scores only; the test split is none of its
    /// business.
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error>;
}
