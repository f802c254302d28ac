//! A number, or the reason why there is none.

use serde::{Deserialize, Serialize};

/// A number, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Finite.
    Defined(f64),
    /// Why, for people to read.
    Undefined(String),
}

impl Value {
    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Value::Defined(value) => Some(*value),
            Value::Undefined(_) => None,
        }
    }
}
