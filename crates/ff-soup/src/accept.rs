//! When a greedy soup keeps a part.

use serde::{Deserialize, Serialize};

/// When a greedy soup keeps a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// The score must rise.
    #[default]
    Greater,
    /// The score must not fall (the model soups authors' rule).
    AtLeast,
}

impl Accept {
    /// Whether a soup that scores `before` is replaced by one that scores `with`. Where it refuses
    /// an upper bound, it refuses every score below.
    pub fn accepts(self, with: f64, before: f64) -> bool {
        match self {
            Self::Greater => with > before,
            Self::AtLeast => with >= before,
        }
    }
}
