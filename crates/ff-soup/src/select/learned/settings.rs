//! The settings of learned soups.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::coefficients::SumRule;
use crate::accept::Accept;
use crate::error::Error;

/// More than anybody fits, and few enough that a count of the images read does not overflow.
const MOST_EPOCHS: usize = 1_000_000;

/// A learned soup: each model has a coefficient, of its own in each layer, which is fitted by the
/// log loss on one part of the validation images. Another part is held out to stop by.
///
/// Sources: Wortsman et al. 2022, *Model soups*, appendix I; Li et al. 2024, arXiv 2407.03641,
/// *MEHL-Soup*. The fit starts from the uniform soup. A step merges the models with the present
/// coefficients, and makes a forward and a backward pass over a batch and a step of AdamW. The soup
/// has the coefficients of the epoch with the lowest log loss on the held-out images. If that of
/// the uniform soup is as low, the soup is the uniform one.
///
/// A layer is a module: the weight and bias of a convolution have the same coefficients, as have
/// the weights and the running statistics of a normalization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Learned {
    /// What has coefficients of its own: each layer, or the model as a whole.
    pub by: Granularity,
    /// The constraint on the coefficients of a layer, which add up to 1.
    pub sum: SumRule,
    /// The learning rate, above 0. A step changes a coefficient by about this part of the uniform
    /// one.
    pub learning_rate: f64,
    /// The largest number of passes over the images that coefficients are fitted on, at least 1.
    pub epochs: usize,
    /// The number of epochs without a lower loss on the held-out images after which the fit ends,
    /// at least 1. With `block` it counts rounds over all models in place of epochs.
    pub patience: usize,
    /// The number of models whose coefficients are fitted in an epoch, at least 2: all models have
    /// their turn, in random order. A step then reads the files of these models only. Absent: all
    /// models in each epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// True: a temperature, by which the logits are divided in the loss, is fitted too, so that
    /// the coefficients need not correct the confidence. The soup does not contain it.
    pub temperature: bool,
    /// Decoupled weight decay towards uniform coefficients, 0 or more.
    pub weight_decay: f64,
    /// When the fitted soup replaces the uniform one, by their scores on all validation images:
    /// `greater`, `at-least` or `one-se`. Absent: whenever the log loss on the held-out images is
    /// lower.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,
    /// The seed of the order of models if `block` is set. Nothing else is random.
    pub seed: u64,
}

/// What has coefficients of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Granularity {
    /// Each module. Weights outside of modules, such as a class token, have common ones.
    #[default]
    Layer,
    /// The model: one coefficient for all of its weights.
    Model,
}

impl Default for Learned {
    /// The learning rate and the decay are those of the code of Wortsman et al. 2022.
    fn default() -> Self {
        Self {
            by: Granularity::default(),
            sum: SumRule::default(),
            learning_rate: 0.05,
            epochs: 30,
            patience: 5,
            block: None,
            temperature: true,
            weight_decay: 0.0,
            accept: None,
            seed: 0,
        }
    }
}

impl Learned {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Method`], which names the setting, what is expected and what is found.
    pub fn check(&self) -> Result<(), Error> {
        let decay = self.weight_decay;
        let reason = if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            format!("`learning_rate`: expected a number above 0, found {}", self.learning_rate)
        } else if !(decay.is_finite() && decay >= 0.0) {
            format!("`weight_decay`: expected 0 or a positive number, found {decay}")
        } else if self.epochs == 0 || self.patience == 0 {
            format!(
                "expected at least 1 as `epochs` and `patience`, found {} and {}",
                self.epochs, self.patience
            )
        } else if self.epochs > MOST_EPOCHS {
            format!("`epochs`: expected at most {MOST_EPOCHS}, found {}", self.epochs)
        } else if let Some(block @ ..2) = self.block {
            // The sum over a block is constant, so the coefficient of one model alone is too.
            format!(
                "`block`: expected at least 2 models, found {block}\nhint: leave it out to fit all at once"
            )
        } else {
            return Ok(());
        };
        Err(failed(reason))
    }

    /// Returns the models of an epoch, from 1, in order.
    pub(super) fn models_of(&self, epoch: usize, models: usize) -> Vec<usize> {
        let Some(size) = self.block.filter(|size| *size < models) else { return (0..models).collect() };
        let turns = models.div_ceil(size);
        let (round, turn) = ((epoch - 1) / turns, (epoch - 1) % turns);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(round as u64);
        let mut order: Vec<(u64, usize)> = (0..models).map(|model| (rng.next_u64(), model)).collect();
        order.sort_unstable();
        // The last block of a round is filled up with models of the one before.
        let start = (turn * size).min(models - size);
        let mut block: Vec<usize> = order[start..start + size].iter().map(|(_, model)| *model).collect();
        block.sort_unstable();
        block
    }

    /// Returns the number of epochs without a gain that end the fit.
    pub(super) fn patience_in_epochs(&self, models: usize) -> usize {
        self.patience.saturating_mul(self.block.map_or(1, |size| models.div_ceil(size)))
    }
}

/// Makes the error of a learned soup that cannot be made.
pub(super) fn failed(reason: String) -> Error {
    Error::Method { name: "learned".to_owned(), reason }
}
