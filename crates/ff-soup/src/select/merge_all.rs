//! Selection of a merge method's settings.

use itertools::Itertools;
use serde_json::Value;

use super::selector::Selector;
use crate::accept::Accept;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::ingredient::Ingredients;
use crate::merge::MergeMethod;
use crate::scorer::{Scorer, accepted};
use crate::soup::Soup;

/// Merges all models with each of several methods, or one method with several settings, and takes
/// the result with the best score.
///
/// In the order of `methods`, each result replaces the one before if `accept` allows it. With
/// [`Accept::Greater`] that is the best, and the first of equal ones; with [`Accept::OneSe`] the
/// first method is kept unless another is clearly better. With one method the result is its merge,
/// whatever it scores. There is a [`Decision`] for each method: the candidate is its name and settings, such as
/// `line alpha=0.5`, and `alone` its score. All are evaluated completely, so the record shows how
/// the score depends on the settings.
///
/// It is deterministic if the methods are. Each costs one merge and one evaluation. Memory: that of
/// one model, and what the method needs.
///
/// # Errors
/// [`Error::Method`] without methods, and for one that is not known to the ingredients or lacks its
/// base or statistics; [`Error::Merge`]; [`Error::Score`].
///
/// ```
/// use ff_soup::{Average, Mean, MergeAll, Selector};
/// # use ff_soup::{Ingredient, Ingredients, OwnedTensor, ScoreError, StateDict};
///
/// # let model = |id: &str, value: f32| {
/// #     let tensors = [("fc.bias".to_owned(), OwnedTensor::f32([1], &[value]))];
/// #     let weights = StateDict::from_tensors(tensors.into());
/// #     Ingredient { id: id.to_owned(), weights, fields: Default::default() }
/// # };
/// # let models = Ingredients::new(vec![model("a", 1.0), model("b", 3.0)])?;
/// # let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
/// #     let bias = weights.get("fc.bias").and_then(|tensor| tensor.to_f64()).ok_or("no fc.bias")?;
/// #     Ok(bias[0])
/// # };
/// let merge = MergeAll { methods: vec![Box::new(Mean)], ..MergeAll::default() };
/// let soup = merge.select(&models, &mut scorer)?;
/// assert_eq!(soup.average.to_string(), "uniform(a, b)");
/// # Ok::<(), ff_soup::Error>(())
/// ```
#[derive(Default)]
pub struct MergeAll {
    /// The methods, each with its settings.
    pub methods: Vec<Box<dyn MergeMethod>>,
    /// The condition under which the result of a method replaces that of an earlier one.
    pub accept: Accept,
}

impl Selector for MergeAll {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        let merged = self.methods.iter().map(|method| ingredients.merged(&**method));
        let averages = merged.collect::<Result<Vec<Average>, Error>>()?;
        ingredients.announce(&averages, scorer)?;
        let mut best: Option<(usize, f64, Average)> = None;
        let mut decisions = Vec::new();
        for (at, (method, average)) in self.methods.iter().zip(averages).enumerate() {
            let score = ingredients.score(&average, scorer)?;
            let (taken, standard_error) = match &best {
                None => (true, None),
                Some((_, before, soup)) => accepted(scorer, (&average, score), (soup, *before), self.accept)?,
            };
            let (candidate, alone) = (describe(&**method), Some(score));
            decisions.push(Decision { candidate, alone, standard_error, ..Decision::default() });
            if taken {
                best = Some((at, score, average));
            }
        }
        let (at, score, average) = best.ok_or_else(|| Error::Method {
            name: "any".to_owned(),
            reason: "expected a method with at least one setting, found none".to_owned(),
        })?;
        decisions[at].taken = true;
        Ok(Soup { average, score, decisions, fit: None })
    }
}

/// Returns a method's name and settings, sorted by name: `ties density=0.2 lambda=0.3`.
fn describe(method: &dyn MergeMethod) -> String {
    let settings = method.settings();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let settings = settings.as_object().into_iter().flatten().sorted_by_key(|(name, _)| *name);
    let settings = settings.map(|(name, value)| format!(" {name}={}", text(value)));
    format!("{}{}", method.name(), settings.format(""))
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::{OwnedTensor, StateDict};

    use super::*;
    use crate::error::ScoreError;
    use crate::ingredient::Ingredient;
    use crate::merge::Dare;

    /// Selects among multiples of the sum of two models, which is 4 for λ = 1.
    fn select(lambdas: &[f64]) -> Result<Soup, Error> {
        let model = |(id, value): (&str, f32)| {
            let tensors = [("w".to_owned(), OwnedTensor::f32([1], &[value]))];
            let weights = StateDict::from_tensors(tensors.into());
            Ingredient { id: id.to_owned(), weights, fields: Default::default() }
        };
        let models = Ingredients::new(vec![model(("a", 1.0)), model(("b", 3.0))])?;
        let models = models.with_base(model(("base", 0.0)))?;
        // The best sum is 1.
        let mut scorer = |weights: &StateDict| -> Result<f64, ScoreError> {
            Ok(-(weights.get("w").and_then(|it| it.to_f64()).ok_or("no w")?[0] - 1.0).abs())
        };
        let method = |&lambda: &f64| -> Box<dyn MergeMethod> {
            Box::new(Dare { drop: 0.0, lambda, ..Dare::default() })
        };
        let methods = lambdas.iter().map(method).collect();
        MergeAll { methods, ..MergeAll::default() }.select(&models, &mut scorer)
    }

    #[test]
    fn the_best_setting_is_taken_and_each_is_named() {
        let soup = select(&[0.5, 0.125, 0.375, 0.0]).unwrap();
        // 0.125 and 0.375 are equally far from 0.25: the first is taken.
        let found = soup.decisions.iter().map(|it| (it.candidate.as_str(), it.alone, it.taken));
        let expected = [
            ("dare drop=0.0 lambda=0.5 rule=linear seed=0", Some(-1.0), false),
            ("dare drop=0.0 lambda=0.125 rule=linear seed=0", Some(-0.5), true),
            ("dare drop=0.0 lambda=0.375 rule=linear seed=0", Some(-0.5), false),
            ("dare drop=0.0 lambda=0.0 rule=linear seed=0", Some(-1.0), false),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let Average::Merged(merged) = &soup.average else { panic!("{}", soup.average) };
        assert_eq!((merged.settings["lambda"].as_f64(), soup.score), (Some(0.125), -0.5));
        assert_eq!(soup.average.to_string(), "dare(base; a, b)");
        assert_eq!(soup.average.summary(), "dare(base; a, b) drop=0.0 lambda=0.125 seed=0");
    }

    #[test]
    fn one_setting_is_that_merge_and_none_is_an_error() {
        let soup = select(&[-1.5]).unwrap();
        assert_eq!((soup.score, soup.decisions.len(), soup.decisions[0].taken), (-7.0, 1, true));
        assert!(select(&[]).unwrap_err().to_string().contains("at least one setting"));
    }
}
