//! Pools of models from files, as the configuration states them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::SoupsConfig;
use crate::job::{Averages, Pool};

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

impl SoupsConfig {
    /// Returns the models of a pool that are trained here, and those from files.
    pub(crate) fn parts<'a>(&'a self, pool: &'a Pool) -> (Option<&'a Pool>, Option<&'a PoolConfig>) {
        let Pool::Named(name) = pool else { return (Some(pool), None) };
        let files = self.pool.iter().find(|entry| entry.name == *name);
        (files.and_then(|entry| entry.with.as_ref()), files)
    }

    /// Returns which models of a pool's runs it has.
    pub(crate) fn averages(&self, pool: &Pool) -> Averages {
        self.parts(pool).0.map_or(Averages::Without, Pool::averages)
    }

    /// Returns whether the model is known that a pool's models were fine-tuned from.
    pub(super) fn has_start(&self, pool: &Pool) -> bool {
        let (trained, files) = self.parts(pool);
        trained.is_some() || files.is_some_and(|files| files.base.is_some())
    }
}
