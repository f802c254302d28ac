//! What a soup is made of.

use serde::{Deserialize, Serialize};

/// A tree of means: the leaves are ingredients, by name, and every mean weighs its parts equally. Each mean is
/// rounded to the ingredients' type, as it would be when written to a file, so a tree always gives the same
/// bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// One model.
    Ingredient(String),
    /// The mean of parts.
    Mean(Vec<Average>),
}

impl Average {
    /// The mean of `parts`; the part itself if there is one only.
    ///
    /// # Panics
    /// If there is none.
    pub fn mean(mut parts: Vec<Average>) -> Self {
        match parts.len() {
            0 => panic!("a mean of nothing"),
            1 => parts.remove(0),
            _ => Self::Mean(parts),
        }
    }

    /// The ingredients and their shares, which add up to 1, in the order of the tree.
    pub fn shares(&self) -> Vec<(&str, f64)> {
        let mut shares = Vec::new();
        self.collect(1.0, &mut shares);
        shares
    }

    /// The mix in a few words: the tree itself if it is small.
    pub fn summary(&self) -> String {
        match self.shares().as_slice() {
            shares @ [(first, _), ..] if shares.len() > 3 => {
                format!("the mean of {} models (`{first}` first)", shares.len())
            }
            _ => self.to_string(),
        }
    }

    fn collect<'a>(&'a self, share: f64, shares: &mut Vec<(&'a str, f64)>) {
        match self {
            Self::Ingredient(id) => shares.push((id, share)),
            Self::Mean(parts) => {
                for part in parts {
                    part.collect(share / parts.len() as f64, shares);
                }
            }
        }
    }
}

impl std::fmt::Display for Average {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ingredient(id) => f.write_str(id),
            Self::Mean(parts) => {
                f.write_str("mean(")?;
                for (i, part) in parts.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{part}")?;
                }
                f.write_str(")")
            }
        }
    }
}
