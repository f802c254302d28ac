//! The trait of selectors.

use crate::error::Error;
use crate::ingredient::Ingredients;
use crate::scorer::Scorer;
use crate::soup::Soup;

/// Selects the ingredients to average.
pub trait Selector {
    /// Selects ingredients by the scores of `scorer`.
    ///
    /// The scores must come from validation data, never from the test split.
    ///
    /// # Errors
    /// [`Error::Score`] and those of averaging; selectors may add their own.
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error>;
}
