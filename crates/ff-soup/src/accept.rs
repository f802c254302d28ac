//! The acceptance rule of greedy soups and of other choices between candidates.

use serde::{Deserialize, Serialize};

/// The condition under which a candidate replaces the soup so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// The score on validation must rise (the code of the model soups' authors).
    #[default]
    Greater,
    /// The score on validation must not fall (Wortsman et al. 2022, recipe 1; AutoGluon).
    AtLeast,
    /// The score on validation must rise by more than the standard error of the gain: the standard
    /// deviation of the gain over paired bootstrap resamples of the validation images, or of the
    /// patients where images are in groups. On few images it keeps out gains that chance explains.
    OneSe,
}

impl Accept {
    /// Returns true if a soup that scores `tried` may replace one that scores `before`. With
    /// [`Accept::OneSe`] the gain must also be above its standard error.
    ///
    /// If it refuses an upper bound of a score, it also refuses the score.
    pub fn accepts(self, tried: f64, before: f64) -> bool {
        match self {
            Self::Greater | Self::OneSe => tried > before,
            Self::AtLeast => tried >= before,
        }
    }

    /// For `skip_serializing_if`.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
