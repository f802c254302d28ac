//! Pools of models from files, as the configuration states them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::Pool;

/// A pool of models from files, which were trained elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// Name, by which rows choose it (`pool`).
    pub name: String,
    /// Files of weights, or folders that are searched for them. They must be of the architecture of the
    /// table's backbones. Relative to the working folder.
    pub files: Vec<PathBuf>,
    /// A pool of models that are trained here, which come before the files: `grid`, `fgg`, `fgg-all`,
    /// `ema` or `grid-ema`. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<Pool>,
    /// The weights that the models were fine-tuned from, for methods that need them and for the
    /// distances of a forecast. Absent: the probe of `with`; without both they are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// The classes of the dataset in the order of the models' outputs, for files that do not record
    /// it. Empty: the order of the dataset, unless another fits the validation images much better, which
    /// is an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}
