//! The record of coefficients that were fitted on validation images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the coefficients of a [learned soup](crate::Learned) were fitted.
///
/// Losses are mean log losses in nats, of logits that are divided by the temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// The loss of the uniform soup on the held-out images, at temperature 1. Absent for one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<f64>,
    /// That loss at `temperature`, to which the best epoch was compared too: a temperature alone
    /// must not make coefficients look better. Absent if none was fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform_at_temperature: Option<f64>,
    /// The epochs, in order.
    pub epochs: Vec<FitEpoch>,
    /// The epoch whose coefficients the soup has, from 1. It is 0 if the soup is the uniform one,
    /// because no epoch had a lower loss on the held-out images, or its soup was not accepted.
    pub best: usize,
    /// The temperature after the epoch with the lowest loss on the held-out images; 1 if none was
    /// fitted. The weights of the soup do not contain it.
    pub temperature: f64,
    /// Why the fit ended.
    pub ended: FitEnd,
    /// The mean of each model's coefficients over the layers, by the model's name.
    pub coefficients: BTreeMap<String, f64>,
}

/// An epoch of a fit: one pass over the images that coefficients are fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitEpoch {
    /// The mean of the batches' losses, each before its step.
    pub fitted: f64,
    /// The loss on the held-out images after the epoch.
    pub held_out: f64,
    /// The temperature after the epoch.
    pub temperature: f64,
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitEnd {
    /// All epochs were made.
    Epochs,
    /// The loss on the held-out images had not fallen for `patience` epochs.
    Patience,
    /// There is one model, and thus nothing to fit.
    OneModel,
}
