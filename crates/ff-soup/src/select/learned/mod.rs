//! Learned soups: coefficients of the models, fitted by gradients on validation images.

mod adamw;
mod coefficients;
mod run;
mod settings;
mod slopes;

use std::collections::BTreeSet;

use self::coefficients::Coefficients;
use self::run::{Run, unfitted};
use self::settings::failed;
use super::selector::Selector;
use crate::average::Average;
use crate::decision::Decision;
use crate::error::Error;
use crate::fit::FitEnd;
use crate::ingredient::Ingredients;
use crate::merge::linear::module;
use crate::scorer::{Scorer, accepted};
use crate::soup::Soup;

pub use coefficients::SumRule;
pub use settings::{Granularity, Learned};

const NO_NETWORK: &str = "it needs a network and images, and this scorer has scores only\nhint: select with \
    a scorer that has both, or merge by a method that fits nothing, such as `uniform`";

/// Integer tensors are those of the first model. BatchNorm works in the fit as in the scores (see
/// [`Network`](crate::Network)). Batches come in their order. The result is deterministic if the
/// network is.
///
/// The soup's average is a merge by the method `linear`, whose settings are the coefficients, or
/// the mean of all models. There is a [`Decision`] for each model, which is taken if the mean of its
/// coefficients over the layers is above 0; before them, with [`accept`](Learned::accept), those
/// between the `uniform soup` and the `learned soup`, with their scores. [`Soup::fit`] has the losses
/// of the epochs and the mean coefficients. One model is returned as it is.
///
/// Cost: an epoch takes, for each batch, two passes over the models' files on all cores, and a
/// forward and a backward pass; and an evaluation of the held-out images. Memory: the merged
/// weights and their gradient; with a block also the merge of the other models. The files are
/// mapped.
///
/// Departures: the published code of learned soups fits like [`SumRule::Simplex`] with the default
/// learning rate and decay, but has coefficients for each tensor, keeps those after the last of five
/// epochs, and fits the factor of the logits itself, from 1, instead of its logarithm.
/// MEHL-Soup divides the models' differences by their norms, starts from the mean of the first
/// block, and has a new optimizer and a cosine schedule for each block.
///
/// # Errors
/// Those of [`Learned::check`]; [`Error::Method`] if the scorer has no network, or a loss or a
/// coefficient is not finite, with the epoch; [`Error::Score`] for errors of the network; those of
/// merging.
impl Selector for Learned {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        self.check()?;
        let models = ingredients.iter().as_slice();
        let parts = models.iter().map(|model| Average::Ingredient(model.id.clone()));
        let mean = Average::mean(parts.collect());
        let layers: BTreeSet<&str> = match self.by {
            Granularity::Model => [""].into(),
            Granularity::Layer => {
                let floats = models[0].weights.iter().filter(|(_, tensor)| tensor.is_float());
                floats.map(|(name, _)| module(name)).collect()
            }
        };
        let layers = layers.into_iter().map(str::to_owned).collect();
        let uniform = Coefficients::uniform(self.sum, layers, models.len());
        let coefficients = uniform.clone();
        let (mut fit, mut coefficients) = if models.len() == 1 {
            (unfitted(None, FitEnd::OneModel), coefficients)
        } else {
            let network = scorer.network().ok_or_else(|| failed(NO_NETWORK.to_owned()))?;
            Run::new(self, ingredients, &mean, network, coefficients).fit()?
        };
        let all: Vec<usize> = (0..models.len()).collect();
        let mut average = match fit.best {
            0 => mean.clone(),
            _ => ingredients.merged(&coefficients.linear(false, &all))?,
        };
        let mut score = ingredients.score(&average, scorer)?;
        let mut decisions = Vec::new();
        if let Some(accept) = self.accept.filter(|_| fit.best > 0) {
            let before = ingredients.score(&mean, scorer)?;
            let (taken, standard_error) = accepted(scorer, (&average, score), (&mean, before), accept)?;
            let of = |candidate: &str, score, taken| {
                let (candidate, alone) = (candidate.to_owned(), Some(score));
                Decision { candidate, alone, taken, ..Decision::default() }
            };
            decisions.push(of("uniform soup", before, !taken));
            decisions.push(Decision { standard_error, ..of("learned soup", score, taken) });
            if !taken {
                (average, score, fit.best) = (mean, before, 0);
                coefficients = uniform;
            }
        }
        let means = models.iter().enumerate().map(|(at, model)| (model.id.clone(), coefficients.mean_of(at)));
        fit.coefficients = means.collect();
        decisions.extend(models.iter().map(|model| Decision {
            candidate: model.id.clone(),
            taken: fit.coefficients[&model.id] > 0.0,
            ..Decision::default()
        }));
        Ok(Soup { average, score, decisions, fit: Some(fit) })
    }
}
