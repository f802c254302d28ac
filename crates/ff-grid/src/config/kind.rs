//! The kinds of experiments.

use serde::{Deserialize, Serialize};

/// The kinds, as `kind` in a file says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExperimentKind {
    /// FissionFusion: grid search, FGG and soups.
    #[default]
    Soups,
    /// InMerge: in-model merging against training without it.
    Inmerge,
}
