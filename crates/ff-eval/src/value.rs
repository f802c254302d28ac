//! Values of metrics, which may be undefined.

use serde::{Deserialize, Serialize};

/// The value of a metric: a number, or the reason why it is undefined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// A finite number.
    Defined(f64),
    /// The reason, in words.
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
