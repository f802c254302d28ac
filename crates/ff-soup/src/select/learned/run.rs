//! The fit of a learned soup's coefficients.

use ff_checkpoint::StateDict;

use super::adamw::Moments;
use super::coefficients::Coefficients;
use super::settings::{Learned, failed};
use super::slopes::slopes;
use crate::average::Average;
use crate::error::{Error, ScoreError};
use crate::fit::{Fit, FitEnd, FitEpoch};
use crate::ingredient::Ingredients;
use crate::merge::{MergeMethod, Parts};
use crate::network::Network;

/// The state of a fit.
pub(super) struct Run<'a> {
    settings: &'a Learned,
    ingredients: &'a Ingredients,
    models: Vec<&'a StateDict>,
    /// The uniform soup.
    mean: &'a Average,
    network: &'a mut dyn Network,
    coefficients: Coefficients,
    /// The logarithm of the temperature, and its moments.
    of_temperature: (f64, Moments),
    /// The present epoch, from 1.
    epoch: usize,
}

impl<'a> Run<'a> {
    pub fn new(
        settings: &'a Learned,
        ingredients: &'a Ingredients,
        mean: &'a Average,
        network: &'a mut dyn Network,
        coefficients: Coefficients,
    ) -> Self {
        let models = ingredients.iter().map(|one| &one.weights).collect();
        let of_temperature = (0.0, Moments::default());
        Self { settings, ingredients, models, mean, network, coefficients, of_temperature, epoch: 0 }
    }

    /// Returns the record, without mean coefficients, and the coefficients of the best epoch.
    pub fn fit(mut self) -> Result<(Fit, Coefficients), Error> {
        let uniform = self.coefficients.clone();
        let start = self.uniform_loss(1.0)?;
        let mut fit = unfitted(Some(start), FitEnd::Epochs);
        let (mut lowest, mut best) = (start, uniform.clone());
        let patience = self.settings.patience_in_epochs(self.models.len());
        for epoch in 1..=self.settings.epochs {
            self.epoch = epoch;
            let fitted = self.pass()?;
            let all: Vec<usize> = (0..self.models.len()).collect();
            let weights = self.coefficients.linear(false, &all).merge(&Parts::of(&self.models))?;
            let temperature = self.temperature();
            let held_out = self.held_out_loss(&weights, temperature)?;
            fit.epochs.push(FitEpoch { fitted, held_out, temperature });
            if held_out < lowest {
                (lowest, best) = (held_out, self.coefficients.clone());
                (fit.best, fit.temperature) = (epoch, temperature);
            } else if epoch - fit.best >= patience {
                fit.ended = FitEnd::Patience;
                break;
            }
        }
        if self.settings.temperature && fit.best > 0 {
            // A temperature alone must not pass for better coefficients.
            let alone = self.uniform_loss(fit.temperature)?;
            fit.uniform_at_temperature = Some(alone);
            if alone <= lowest {
                (fit.best, best) = (0, uniform);
            }
        }
        Ok((fit, best))
    }

    /// Makes a step for each batch on the models of the epoch. Returns the mean of the losses.
    fn pass(&mut self) -> Result<f64, Error> {
        let block = self.settings.models_of(self.epoch, self.models.len());
        // The other models are merged once.
        let others: Vec<usize> = (0..self.models.len()).filter(|model| !block.contains(model)).collect();
        let fixed = if others.is_empty() {
            None
        } else {
            let parts: Vec<&StateDict> = others.iter().map(|&model| self.models[model]).collect();
            Some(self.coefficients.linear(false, &others).merge(&Parts::of(&parts))?)
        };
        let (batches, mut sum) = (self.network.batches(), 0.0);
        for batch in 0..batches {
            sum += self.step(batch, &block, fixed.as_ref())?;
        }
        Ok(sum / batches as f64)
    }

    /// Makes a step on a batch. Returns its loss before the step.
    fn step(&mut self, batch: usize, block: &[usize], fixed: Option<&StateDict>) -> Result<f64, Error> {
        let models: Vec<&StateDict> = block.iter().map(|&model| self.models[model]).collect();
        let parts: Vec<&StateDict> = fixed.into_iter().chain(models.iter().copied()).collect();
        let weights = self.coefficients.linear(fixed.is_some(), block).merge(&Parts::of(&parts))?;
        let temperature = self.temperature();
        let found = self.network.gradient(&weights, temperature, batch);
        drop(weights); // before the gradient is read: it is as large
        let gradient = found.map_err(|source| self.unscored(source))?;
        if !(gradient.loss.is_finite() && gradient.temperature.is_finite()) {
            return Err(self.not_finite(&format!("the loss of batch {batch} or its derivative")));
        }
        let by_tensor = slopes(&gradient.weights, &models).map_err(failed)?;
        let by_layer = self.coefficients.by_layer(by_tensor.into_iter());
        let Learned { learning_rate: rate, weight_decay: decay, .. } = *self.settings;
        self.coefficients.step(block, &by_layer, rate, decay);
        if let Some(layer) = self.coefficients.first_not_finite() {
            return Err(self.not_finite(&format!("a coefficient of layer `{layer}`")));
        }
        if self.settings.temperature {
            let (logarithm, moments) = &mut self.of_temperature;
            *logarithm += rate * moments.step(gradient.temperature);
        }
        Ok(gradient.loss)
    }

    fn temperature(&self) -> f64 {
        self.of_temperature.0.exp()
    }

    fn uniform_loss(&mut self, temperature: f64) -> Result<f64, Error> {
        let weights = self.ingredients.weights(self.mean)?;
        self.held_out_loss(&weights, temperature)
    }

    fn held_out_loss(&mut self, weights: &StateDict, temperature: f64) -> Result<f64, Error> {
        let found = self.network.held_out_loss(weights, temperature);
        let loss = found.map_err(|source| self.unscored(source))?;
        if loss.is_finite() { Ok(loss) } else { Err(self.not_finite("the loss on the held-out images")) }
    }

    fn unscored(&self, source: ScoreError) -> Error {
        let candidate = match self.epoch {
            0 => "the uniform soup, from which a learned one starts".to_owned(),
            epoch => format!("the learned soup of epoch {epoch}"),
        };
        Error::Score { candidate, source }
    }

    fn not_finite(&self, what: &str) -> Error {
        let (of, hint) = match self.epoch {
            0 => ("of the uniform soup".to_owned(), "the mean of these models is no working network"),
            epoch => (
                format!("in epoch {epoch}"),
                "lower `learning_rate`; with negative coefficients, averaged running variances may be \
                 negative: recompute BatchNorm's statistics or set `sum = \"simplex\"`",
            ),
        };
        failed(format!("{what} {of} is not a finite number\nhint: {hint}"))
    }
}

/// Returns the record of a fit without epochs.
pub(super) fn unfitted(uniform: Option<f64>, ended: FitEnd) -> Fit {
    Fit {
        uniform,
        uniform_at_temperature: None,
        epochs: Vec::new(),
        best: 0,
        temperature: 1.0,
        ended,
        coefficients: Default::default(),
    }
}
