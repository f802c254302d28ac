//! The acceptance rule of greedy soups.

use serde::{Deserialize, Serialize};

/// The condition under which a greedy soup keeps a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// The score on validation must rise (the code of the model soups' authors).
    #[default]
    Greater,
    /// The score on validation must not fall (Wortsman et al. 2022, recipe 1; AutoGluon).
    AtLeast,
}

impl Accept {
    /// Returns true if a soup that scores `tried` replaces one that scores `before`.
    ///
    /// If it refuses an upper bound of a score, it also refuses the score.
    pub fn accepts(self, tried: f64, before: f64) -> bool {
        match self {
            Self::Greater => tried > before,
            Self::AtLeast => tried >= before,
        }
    }
}
