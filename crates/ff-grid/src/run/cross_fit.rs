//! Cross-fitted scores: what a rule's choice is worth on images that it has not seen.
//!
//! The validation images are divided into folds ([`Folds`]). For each fold the rule chooses by the
//! images of the others, and its choice predicts the fold. Together these predictions give one
//! score, of the rule and not of one model. A choice among many candidates profits from chance on
//! the images that it is made by; the difference to the score on these images is its optimism.

use std::sync::Arc;

use ff_eval::{Folds, Metric, Predictions, Value};
use ff_soup::{Average, Ingredients, Merged, Selector, Soup};

use super::predictor::Predictor;
use super::scorer::ValidationScorer;
use crate::error::Error;

/// The predictions of each image by the choice that was made without it.
pub struct CrossFitted {
    /// The predictions, in the order of the images.
    pub predictions: Predictions,
    /// The choice without each fold.
    pub soups: Vec<Soup>,
}

impl CrossFitted {
    /// Counts the folds without which the choice is of the same models and settings as `soup`.
    pub fn same(&self, soup: &Soup) -> usize {
        self.soups.iter().filter(|other| choice(other) == choice(soup)).count()
    }
}

/// The models and settings of a soup, whatever their order.
fn choice(soup: &Soup) -> (Option<&Merged>, Vec<&str>) {
    let merged = match &soup.average {
        Average::Merged(merged) => Some(&**merged),
        _ => None,
    };
    let mut models: Vec<&str> = soup.average.shares().into_iter().map(|(id, _)| id).collect();
    models.sort_unstable();
    (merged, models)
}

/// Divides the images of predictions to choose by a metric.
///
/// # Errors
/// Why they cannot be divided: too few, images of one group, or a metric that is undefined without
/// one of the folds.
pub fn folds(predictions: &Predictions, by: Metric, wanted: usize) -> Result<Folds, String> {
    let folds = Folds::new(predictions, wanted).map_err(|error| error.to_string())?;
    for fold in 0..folds.count() {
        let others = predictions.subset(&outside(&folds, fold));
        let which = format!("fold {} of {}", fold + 1, folds.count());
        if others.group_count().is_some_and(|groups| groups < 2) {
            return Err(format!("expected images of at least 2 groups (patients) without {which}, found 1"));
        }
        // Kappa of one class depends on the model: it is undefined for one that predicts this class.
        let classes =
            others.targets().counts(others.outputs()).into_iter().filter(|count| *count > 0).count();
        let why = match by.evaluate(&others) {
            Value::Undefined(why) => why,
            Value::Defined(_) if by == Metric::QuadraticKappa && classes < 2 => {
                "all are of one class".to_owned()
            }
            Value::Defined(_) => continue,
        };
        return Err(format!("{} is undefined without {which}: {why}", by.title()));
    }
    Ok(folds)
}

/// The images that are not in a fold, ascending.
pub fn outside(folds: &Folds, fold: usize) -> Vec<usize> {
    let of_sample = folds.of_sample().iter().enumerate();
    of_sample.filter(|(_, other)| **other != fold).map(|(row, _)| row).collect()
}

/// Returns why a method cannot choose without a fold, if an error says that: too few images are left to
/// fit coefficients on, or the fit has no finite loss there.
///
/// # Errors
/// Any other error.
pub(super) fn unfitted(error: Error) -> Result<String, Error> {
    let why = match error {
        Error::Train(ff_train::Error::Config(why)) => why,
        Error::Soup(ff_soup::Error::Method { reason, .. }) => reason,
        other => return Err(other),
    };
    Ok(why.lines().next().unwrap_or_default().to_owned())
}

/// Chooses without each fold, and predicts the fold with the choice. `prepare` is called before each
/// choice, with the images that it is made by. Afterwards the scorer scores on all images again.
///
/// # Errors
/// Those of the selection and of `prepare`; the scorer then still scores on a part.
pub fn cross_fit<P: Predictor>(
    selector: &dyn Selector,
    ingredients: &Ingredients,
    scorer: &mut ValidationScorer<P>,
    folds: &Folds,
    mut prepare: impl FnMut(&mut ValidationScorer<P>, &[usize]) -> Result<(), Error>,
) -> Result<CrossFitted, Error> {
    let mut soups = Vec::new();
    let mut found: Option<(Vec<f32>, Arc<Predictions>)> = None;
    for fold in 0..folds.count() {
        let others = outside(folds, fold);
        prepare(scorer, &others)?;
        scorer.score_on(Some(others));
        let soup = selector.select(ingredients, scorer)?;
        let predictions = scorer.predictions(&soup.average, || ingredients.weights(&soup.average))?;
        let outputs = predictions.outputs();
        let (logits, _) = found.get_or_insert_with(|| (predictions.logits().to_vec(), predictions.clone()));
        for row in folds.samples(fold) {
            logits[row * outputs..][..outputs].copy_from_slice(predictions.row(row));
        }
        soups.push(soup);
    }
    scorer.score_on(None);
    let (logits, like) = found.ok_or_else(|| Error::Job("cross-fitting without folds".to_owned()))?;
    let predictions = like.with_logits(logits)?;
    Ok(CrossFitted { predictions, soups })
}

#[cfg(test)]
mod tests {
    use ff_eval::Targets;

    use super::*;

    #[test]
    fn a_fit_that_is_impossible_without_a_fold_is_told_from_a_failure() {
        let reason = "the loss is not a finite number\nhint: lower `learning_rate`".to_owned();
        let error = Error::Soup(ff_soup::Error::Method { name: "learned".to_owned(), reason });
        assert_eq!(unfitted(error).unwrap(), "the loss is not a finite number");
        let error = Error::Train(ff_train::Error::Config("13 images are too few".to_owned()));
        assert_eq!(unfitted(error).unwrap(), "13 images are too few");
        assert!(unfitted(Error::Soup(ff_soup::Error::Empty)).is_err());
    }

    #[test]
    fn the_groups_outside_of_a_fold_are_counted() {
        let targets = Targets::Classes([0, 1].repeat(6));
        let predictions = Predictions::new(vec![0.0; 24], 2, targets).unwrap();
        let predictions = predictions.with_groups((0..12).map(|at| at / 6).collect()).unwrap();
        let why = folds(&predictions, Metric::Accuracy, 3).unwrap_err();
        assert_eq!(why, "expected images of at least 2 groups (patients) without fold 1 of 2, found 1");
    }
}
