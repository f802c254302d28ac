//! Trees of averages, which say what a soup is made of.
//!
//! Each mean of a tree is rounded to the ingredients' type, as if it were written to a file. So the
//! same tree over the same ingredients always gives the same bits, and `ff-soup verify` compares
//! bits.

use itertools::Itertools;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A tree of averages: the leaves are ingredients, by name, and every mean weighs its parts
/// equally.
///
/// Each mean is rounded to the ingredients' type, as if it were written to a file, so a tree always
/// gives the same bits. [`Ingredients::build`](crate::Ingredients::build) computes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// One model.
    Ingredient(String),
    /// The mean of parts.
    Mean(Vec<Average>),
    /// Parts that another method merges.
    Merged(Box<Merged>),
}

/// Parts, and the method that merges them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merged {
    /// The name of the method.
    pub method: String,
    /// The settings of the method.
    #[serde(default = "no_settings", skip_serializing_if = "are_none")]
    pub settings: Value,
    /// The ingredient that the parts were fine-tuned from, if the method needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The statistics of each part, in the order of the parts, if the method needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<String>,
    /// The parts, in the order in which the method takes them.
    pub parts: Vec<Average>,
}

fn no_settings() -> Value {
    json!({})
}

fn are_none(settings: &Value) -> bool {
    *settings == no_settings()
}

impl Merged {
    /// Returns the settings that are numbers, such as ` alpha=0.5`.
    fn numbers(&self) -> String {
        let numbers = self.settings.as_object().into_iter().flatten().filter(|(_, value)| value.is_number());
        numbers.map(|(name, value)| format!(" {name}={value}")).join("")
    }
}

impl Average {
    /// Returns the mean of `parts`, or the part itself if there is only one.
    ///
    /// # Panics
    /// If there is no part.
    pub fn mean(mut parts: Vec<Average>) -> Self {
        match parts.len() {
            0 => panic!("a mean of nothing"),
            1 => parts.remove(0),
            _ => Self::Mean(parts),
        }
    }

    /// Returns true for a single model.
    pub fn is_ingredient(&self) -> bool {
        matches!(self, Self::Ingredient(_))
    }

    /// Returns the ids of the ingredients that are bases but not parts, each once.
    pub fn bases(&self) -> Vec<&str> {
        let parts: Vec<&str> = self.shares().into_iter().map(|(id, _)| id).collect();
        let bases = self.merges().into_iter().filter_map(|merged| merged.base.as_deref());
        bases.unique().filter(|base| !parts.contains(base)).collect()
    }

    /// Returns the ids of the statistics of parts, each once.
    pub fn statistics(&self) -> Vec<&str> {
        let all = self.merges().into_iter().flat_map(|merged| &merged.statistics);
        all.map(String::as_str).unique().collect()
    }

    /// Returns every use of a merge method in the tree.
    fn merges(&self) -> Vec<&Merged> {
        let own = match self {
            Self::Merged(merged) => Some(&**merged),
            Self::Ingredient(_) | Self::Mean(_) => None,
        };
        own.into_iter().chain(self.parts().iter().flat_map(Self::merges)).collect()
    }

    /// Returns the parts that are averaged or merged; none for a single model.
    fn parts(&self) -> &[Average] {
        match self {
            Self::Ingredient(_) => &[],
            Self::Mean(parts) => parts,
            Self::Merged(merged) => &merged.parts,
        }
    }

    /// Returns the ids of the ingredients and their shares, in the order of the tree. The shares
    /// add up to 1. An ingredient in several parts is listed for each; the parts of a merge method
    /// count equally.
    pub fn shares(&self) -> Vec<(&str, f64)> {
        self.shares_of(1.0)
    }

    fn shares_of(&self, whole: f64) -> Vec<(&str, f64)> {
        if let Self::Ingredient(id) = self {
            return vec![(id, whole)];
        }
        let parts = self.parts();
        parts.iter().flat_map(|part| part.shares_of(whole / parts.len() as f64)).collect()
    }

    /// Describes the average in a few words: the tree itself if it has at most three leaves, and the
    /// numbers among the settings of its merge method.
    pub fn summary(&self) -> String {
        let (method, settings) = match self {
            Self::Merged(merged) => (merged.method.as_str(), merged.numbers()),
            _ => ("mean", String::new()),
        };
        match self.shares().as_slice() {
            shares @ [(first, _), ..] if shares.len() > 3 => {
                format!("the {method} of {} models (`{first}` first){settings}", shares.len())
            }
            _ => format!("{self}{settings}"),
        }
    }
}

impl std::fmt::Display for Average {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ingredient(id) => f.write_str(id),
            Self::Mean(parts) => write!(f, "mean({})", parts.iter().join(", ")),
            Self::Merged(merged) => {
                let base = merged.base.iter().map(|base| format!("{base}; ")).join("");
                write!(f, "{}({base}{})", merged.method, merged.parts.iter().join(", "))
            }
        }
    }
}
